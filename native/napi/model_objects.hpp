#pragma once

#include <napi.h>

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "border.hpp"
#include "environment.hpp"
#include "handles.hpp"
#include "hazure/engine/detector.hpp"
#include "hazure/engine/embedder.hpp"
#include "hazure/engine/session.hpp"
#include "hazure/engine/stage_pipeline.hpp"

namespace hazure {

/** A model that is there between load and release, and can be aborted from another thread all that time. */
template <typename Model>
class Slot {
 public:
  void put(std::unique_ptr<Model> model) {
    const std::lock_guard lock(mutex_);
    model_ = std::move(model);
  }
  void clear() { put(nullptr); }
  /** For the object's own threads only. */
  Model& get() { return *model_; }
  template <typename Abort>
  void with(Abort&& abort) {
    const std::lock_guard lock(mutex_);
    if (model_) abort(*model_);
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<Model> model_;
};

struct SessionObject final : EngineObject {
  Slot<Session> session;
  StagePipeline pipeline;

  /** On the pipeline's thread, before any other call. */
  void put(std::unique_ptr<Session> loaded) {
    pipeline.set_streams(loaded->description().streams);
    session.put(std::move(loaded));
  }
  void stop() override {
    session.with([](Session& running) { running.abort(); });
    pipeline.stop();
  }
  void release(std::function<void()> done) override {
    pipeline.after_all([this, done = std::move(done)] {
      session.clear();
      done();
    });
  }
};

/** A Detector or an Embedder with its two stages. */
template <typename Model>
struct StagedObject final : EngineObject {
  Slot<Model> model;
  StagePipeline pipeline;
  std::vector<PreparedBatch> batches;

  /** On the pipeline's thread, before any other call. */
  void put(std::unique_ptr<Model> loaded) {
    pipeline.set_streams(loaded->model().description().streams);
    batches.resize(static_cast<std::size_t>(pipeline.slots()));
    model.put(std::move(loaded));
  }

  void stop() override {
    model.with([](Model& running) { running.model().abort(); });
    pipeline.stop();
  }
  void release(std::function<void()> done) override {
    pipeline.after_all([this, done = std::move(done)] {
      for (auto& batch : batches) batch = PreparedBatch();
      model.clear();
      done();
    });
  }
};

/**
 * Posts `load` to the object's own thread. The promise becomes `{ handle, description, ...extras }`.
 *
 * @param post queues a task on the object's thread
 * @param load fills the object; may throw
 * @param describe the loaded object's description, and its dimensions where it has any
 */
template <typename Object, typename Post, typename Load, typename Describe>
Napi::Value begin_load(Napi::Env env, HandleKind kind, Post post, Load load, Describe describe) {
  Environment& environment = Environment::of(env);
  BorderCall::take();
  return environment.begin({}, [&](const Ticket& ticket) {
    auto object = std::make_shared<Object>();
    environment.adopt(object);
    // Weak: an object must not be destroyed by its own thread.
    const std::weak_ptr<Object> weak = object;
    post(*object, [raw = object.get(), weak, kind, load, describe, ticket]() mutable {
      try {
        load(*raw);
        ticket.resolve([weak, kind, describe](Napi::Env js) -> Napi::Value {
          const std::shared_ptr<Object> held = weak.lock();
          Napi::Object result = Napi::Object::New(js);
          describe(js, *held, result);
          set(result, "handle", make_handle(js, kind, held));
          return result;
        });
      } catch (...) {
        ticket.reject(std::current_exception());
        ticket.on_js_thread([weak](Napi::Env js) { Environment::of(js).forget(weak.lock()); });
      }
    });
  });
}

template <typename Object>
std::shared_ptr<Object> opened(const Napi::Value& value, HandleKind kind) {
  return std::static_pointer_cast<Object>(open_handle(value, kind));
}

inline Napi::Value resolved(Napi::Env env, Napi::Value value) {
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  check(env, napi_create_promise(env, &deferred, &promise), "a promise");
  check(env, napi_resolve_deferred(env, deferred, value), "a promise's value");
  return {env, promise};
}

using DetectorObject = StagedObject<Detector>;
using EmbedderObject = StagedObject<Embedder>;

}  // namespace hazure
