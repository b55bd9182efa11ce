#pragma once

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

namespace hazure {

/**
 * A thread, or several, that take tasks in the order they were posted. Tasks report their own errors: what they throw
 * is lost.
 */
class Worker {
 public:
  /** Move-only callables welcome. */
  using Task = std::packaged_task<void()>;

  /** @param name shown by debuggers and `top -H`; 15 characters at most */
  explicit Worker(const char* name);
  /** Drops what is queued, waits for what runs. */
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /** Queues a task; ignored once `stop` was called. */
  template <typename Callable>
  void post(Callable&& callable) {
    enqueue(Task(std::forward<Callable>(callable)));
  }

  /** Makes it that many threads; never fewer than there are. From any thread, its own included. */
  void grow(int threads);

  /** Drops what is queued, waits for what runs, ends the threads. Not from the worker's own threads. */
  void stop();

 private:
  void enqueue(Task task);
  void loop();

  const char* name_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hazure
