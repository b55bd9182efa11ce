#include "hazure/engine/stage_pipeline.hpp"

#include <memory>
#include <utility>

namespace hazure {

struct StagePipeline::Progress {
  Call call;
  std::mutex mutex;
  std::exception_ptr error;

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

int StagePipeline::acquire_slot() {
  std::unique_lock lock(mutex_);
  int slot = -1;
  freed_.wait(lock, [&] {
    if (stopping_) return true;
    for (int i = 0; i < kSlots; ++i) {
      if (!busy_[static_cast<std::size_t>(i)]) slot = i;
    }
    return slot >= 0;
  });
  if (stopping_) return -1;
  busy_[static_cast<std::size_t>(slot)] = true;
  return slot;
}

void StagePipeline::release_slot(int slot) {
  {
    const std::lock_guard lock(mutex_);
    busy_[static_cast<std::size_t>(slot)] = false;
  }
  freed_.notify_one();
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
      infer_.post([this, progress, piece, slot] {
        try {
          if (!progress->failed()) progress->call.infer(piece, slot);
        } catch (...) {
          progress->fail(std::current_exception());
        }
        release_slot(slot);
      });
    }
    infer_.post([progress] { progress->call.done(progress->error); });
  });
}

void StagePipeline::after_all(std::function<void()> task) {
  prepare_.post([this, task = std::move(task)] { infer_.post(task); });
}

void StagePipeline::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  freed_.notify_all();
  prepare_.stop();
  infer_.stop();
}

}  // namespace hazure
