#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>

namespace hazure {

/**
 * The engine's own threads. `parallel_for` may be called from several threads at once and from within
 * itself; the calling thread works along, so a pool of one thread runs everything in place.
 */
class ThreadPool {
 public:
  /** @param threads how many work on one call, the caller included; 0 = usable_cores() */
  explicit ThreadPool(std::size_t threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] std::size_t size() const noexcept;

  /**
   * Runs `task(0) … task(count − 1)`, each once, in any order, and returns when all have ended.
   * @throws what the throwing task with the lowest index threw; tasks not yet begun may be skipped then
   */
  template <typename Task>
  void parallel_for(std::size_t count, Task&& task) {
    using Plain = std::remove_reference_t<Task>;
    run(count, [](void* context, std::size_t index) { (*static_cast<Plain*>(context))(index); },
        const_cast<void*>(static_cast<const void*>(std::addressof(task))));
  }

 private:
  using RawTask = void (*)(void* context, std::size_t index);
  void run(std::size_t count, RawTask task, void* context);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hazure
