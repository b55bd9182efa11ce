#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <vector>

#include "hazure/engine/worker.hpp"

namespace hazure {

/**
 * One thread that prepares and one or more that infer, with a slot more between them than there are of those: while
 * pieces of work are inferred, the next is prepared, also across calls. Pieces begin in their order; memory stays at
 * `slots()` pieces however many calls wait.
 */
class StagePipeline {
 public:
  struct Call {
    std::size_t pieces = 0;
    /** Fills a slot with a piece; preparing thread. May throw. */
    std::function<void(std::size_t piece, int slot)> prepare;
    /** Consumes the slot; an inferring thread. May throw, and run beside other pieces. */
    std::function<void(std::size_t piece, int slot)> infer;
    /** Once, on one of the threads, after the last piece; null or the first error (later pieces are skipped then). */
    std::function<void(std::exception_ptr)> done;
  };

  StagePipeline();
  ~StagePipeline();

  void submit(Call call);

  /** Inferring threads from now on; at most one is there at first. For a task of `after_all`: nothing may be under way. */
  void set_streams(int streams);
  [[nodiscard]] int slots() const { return static_cast<int>(busy_.size()); }

  /** Runs a task on an inferring thread, alone, after everything submitted before it. */
  void after_all(std::function<void()> task);

  /** Drops what is queued, waits for what runs. Calls that were dropped never hear of it. */
  void stop();

 private:
  struct Progress;
  static void end_one(Progress& progress);
  int acquire_slot();
  void release_slot(int slot);

  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<char> busy_ = std::vector<char>(2);
  bool stopping_ = false;
  Worker infer_;
  Worker prepare_;
};

}  // namespace hazure
