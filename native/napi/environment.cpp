#include "environment.hpp"

#include <algorithm>

#include "errors.hpp"
#include "hazure/system_info.hpp"

namespace hazure {

void Ticket::resolve(MakeResult make) const { channel_->send({id_, std::move(make), nullptr}); }

void Ticket::reject(FailureRecord failure) const {
  channel_->send({id_, nullptr, std::make_unique<FailureRecord>(std::move(failure))});
}

void Ticket::on_js_thread(std::function<void(Napi::Env)> task) const {
  channel_->send({0,
                  [task = std::move(task)](Napi::Env env) {
                    task(env);
                    return env.Undefined();
                  },
                  nullptr});
}

void Channel::send(Completion completion) {
  const std::lock_guard lock(mutex_);
  if (environment_ == nullptr) return;
  ready_.push_back(std::move(completion));
  napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
}

bool Channel::open() {
  const std::lock_guard lock(mutex_);
  return environment_ != nullptr;
}

Environment& Environment::of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

Environment::Environment(Napi::Env env) : env_(env), channel_(std::make_shared<Channel>()) {
  channel_->environment_ = this;
  // The function owns a share of the channel: it may be called after this object is gone.
  auto* share = new std::shared_ptr<Channel>(channel_);
  const auto call_js = [](napi_env raw, napi_value, void* context, void*) {
    if (raw == nullptr) return;
    auto& channel = *static_cast<std::shared_ptr<Channel>*>(context);
    if (!channel->open()) return;
    // Settling fails only where JavaScript can't run any more (a worker thread that is being terminated): nobody is
    // left to tell, and an exception must not pass through Node's C frames.
    try {
      channel->environment_->settle();
    } catch (...) {
    }
  };
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Channel>*>(data); };
  const napi_status status = napi_create_threadsafe_function(
      env, nullptr, nullptr, Napi::String::New(env, "hazure"), 0, 1, share, finalize, share, call_js,
      &channel_->function_);
  if (status != napi_ok) {
    delete share;
    throw Napi::Error::New(env, "The engine's thread-safe function could not be made");
  }
  napi_unref_threadsafe_function(env, channel_->function_);  // an idle engine keeps no process alive
  napi_add_env_cleanup_hook(env, shut_down, this);
}

Environment::~Environment() {
  // Reached while the environment is torn down: its references go with it.
  for (auto& [id, call] : pending_) call.pins.SuppressDestruct();
}

void Environment::shut_down(void* raw) {
  auto* self = static_cast<Environment*>(raw);
  {
    const std::lock_guard lock(self->channel_->mutex_);
    self->channel_->environment_ = nullptr;
    self->channel_->ready_.clear();
  }
  // Buffers of JavaScript may be freed after this: no thread may read them any more.
  for (const auto& object : self->objects_) object->stop();
  self->objects_.clear();
  self->general_.reset();
  self->images_.reset();
}

std::pair<Napi::Promise, Ticket> Environment::begin(Napi::Array pins) {
  auto deferred = Napi::Promise::Deferred::New(env_);
  const Napi::Promise promise = deferred.Promise();
  if (pending_.empty()) napi_ref_threadsafe_function(env_, channel_->function_);
  const std::uint64_t id = next_id_++;
  Napi::ObjectReference reference;
  if (!pins.IsEmpty()) reference = Napi::Persistent(pins.As<Napi::Object>());
  pending_.emplace(id, Pending{deferred, std::move(reference)});
  return {promise, Ticket(channel_, id)};
}

Worker& Environment::general() {
  if (!general_) general_ = std::make_unique<Worker>("hazure-general");
  return *general_;
}

Worker& Environment::images() {
  if (!images_) {
    images_ = std::make_unique<Worker>("hazure-images");
    images_->grow(static_cast<int>(usable_cores()));
  }
  return *images_;
}

void Environment::adopt(const std::shared_ptr<EngineObject>& object) { objects_.push_back(object); }

void Environment::forget(const std::shared_ptr<EngineObject>& object) {
  object->stop();
  std::erase(objects_, object);
}

Napi::Promise Environment::close(const std::shared_ptr<EngineObject>& object) {
  auto [promise, ticket] = begin(Napi::Array());
  object->release([this, object, ticket = ticket] {
    ticket.resolve([this, object](Napi::Env env) {
      forget(object);
      return env.Undefined();
    });
  });
  return promise;
}

void Environment::abandon(const std::shared_ptr<EngineObject>& object) {
  object->release([this, object, channel = channel_] {
    channel->send({0,
                   [this, object](Napi::Env env) {
                     forget(object);
                     return env.Undefined();
                   },
                   nullptr});
  });
}

void Environment::settle() {
  while (true) {
    Channel::Completion completion;
    {
      const std::lock_guard lock(channel_->mutex_);
      if (channel_->ready_.empty()) break;
      completion = std::move(channel_->ready_.front());
      channel_->ready_.pop_front();
    }
    const Napi::HandleScope scope(env_);
    if (completion.id == 0) {
      completion.make(env_);
      continue;
    }
    const auto found = pending_.find(completion.id);
    if (found == pending_.end()) continue;
    const Pending call = std::move(found->second);
    pending_.erase(found);
    if (pending_.empty()) napi_unref_threadsafe_function(env_, channel_->function_);
    try {
      if (completion.failure) {
        call.deferred.Reject(js_error(env_, *completion.failure).Value());
      } else {
        call.deferred.Resolve(completion.make(env_));
      }
    } catch (const Napi::Error& error) {
      call.deferred.Reject(error.Value());
    } catch (...) {
      call.deferred.Reject(js_error(env_, failure_record(std::current_exception())).Value());
    }
  }
}

}  // namespace hazure
