#include "hazure/engine/stage_pipeline.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <utility>

namespace hazure {

struct StagePipeline::Progress {
  Call call;
  std::mutex mutex;
  std::exception_ptr error;
  /** Pieces under way, and one for the loop that begins them. */
  std::atomic<std::size_t> open{1};

  bool failed() {
    const std::lock_guard lock(mutex);
    return error != nullptr;
  }
  void fail(std::exception_ptr reason) {
    const std::lock_guard lock(mutex);
    if (!error) error = std::move(reason);
  }
};

StagePipeline::StagePipeline() : infer_("hazure-infer"), prepare_("hazure-prepare") {}

StagePipeline::~StagePipeline() { stop(); }

void StagePipeline::set_streams(int streams) {
  {
    const std::lock_guard lock(mutex_);
    busy_.assign(static_cast<std::size_t>(streams) + 1, 0);
  }
  infer_.grow(streams);
}

int StagePipeline::acquire_slot() {
  std::unique_lock lock(mutex_);
  auto slot = busy_.end();
  freed_.wait(lock, [&] { return stopping_ || (slot = std::find(busy_.begin(), busy_.end(), 0)) != busy_.end(); });
  if (stopping_) return -1;
  *slot = 1;
  return static_cast<int>(slot - busy_.begin());
}

void StagePipeline::release_slot(int slot) {
  {
    const std::lock_guard lock(mutex_);
    busy_[static_cast<std::size_t>(slot)] = 0;
  }
  freed_.notify_one();
}

void StagePipeline::end_one(Progress& progress) {
  if (--progress.open == 0) progress.call.done(progress.error);
}

void StagePipeline::submit(Call call) {
  auto progress = std::make_shared<Progress>();
  progress->call = std::move(call);
  prepare_.post([this, progress] {
    const std::size_t pieces = progress->call.pieces;
    for (std::size_t piece = 0; piece < pieces && !progress->failed(); ++piece) {
      const int slot = acquire_slot();
      if (slot < 0) return;
      try {
        progress->call.prepare(piece, slot);
      } catch (...) {
        progress->fail(std::current_exception());
        release_slot(slot);
        break;
      }
      ++progress->open;
      infer_.post([this, progress, piece, slot] {
        try {
          if (!progress->failed()) progress->call.infer(piece, slot);
        } catch (...) {
          progress->fail(std::current_exception());
        }
        // Before the slot is free: what waits for all slots comes after the call's end.
        end_one(*progress);
        release_slot(slot);
      });
    }
    end_one(*progress);
  });
}

void StagePipeline::after_all(std::function<void()> task) {
  prepare_.post([this, task = std::move(task)] {
    {
      std::unique_lock lock(mutex_);
      freed_.wait(lock, [&] { return stopping_ || std::find(busy_.begin(), busy_.end(), 1) == busy_.end(); });
      if (stopping_) return;
    }
    // The preparing thread waits too, so that the task is alone.
    std::promise<void> ended;
    auto end = ended.get_future();
    infer_.post([&task, ended = std::move(ended)]() mutable {
      task();
      ended.set_value();
    });
    end.wait();
  });
}

void StagePipeline::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  freed_.notify_all();
  // First, so that a task of after_all that the other would wait for is dropped or done.
  infer_.stop();
  prepare_.stop();
}

}  // namespace hazure
