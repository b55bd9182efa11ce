#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>

#include "hazure/engine/worker.hpp"

namespace hazure {

/**
 * Two threads and two slots between them: while one piece of work is inferred, the next is prepared, also across
 * calls. Pieces keep their order; memory stays at two pieces however many calls wait.
 */
class StagePipeline {
 public:
  static constexpr int kSlots = 2;

  struct Call {
    std::size_t pieces = 0;
    /** Fills a slot with a piece; first thread. May throw. */
    std::function<void(std::size_t piece, int slot)> prepare;
    /** Consumes the slot; second thread. May throw. */
    std::function<void(std::size_t piece, int slot)> infer;
    /** Once, on the second thread, after the last piece; null or the first error (later pieces are skipped then). */
    std::function<void(std::exception_ptr)> done;
  };

  StagePipeline();
  ~StagePipeline();

  void submit(Call call);

  /** Runs a task on the second thread, after everything submitted before it. */
  void after_all(std::function<void()> task);

  /** Drops what is queued, waits for what runs. Calls that were dropped never hear of it. */
  void stop();

 private:
  struct Progress;
  int acquire_slot();
  void release_slot(int slot);

  std::mutex mutex_;
  std::condition_variable freed_;
  std::array<bool, kSlots> busy_{};
  bool stopping_ = false;
  Worker infer_;
  Worker prepare_;
};

}  // namespace hazure
