#include "environment.hpp"

#include <algorithm>

#include "border.hpp"
#include "hazure/system_info.hpp"

namespace hazure {

namespace {

/** What is being handled, as a record; an exception of JavaScript's is no longer pending then. */
std::unique_ptr<FailureRecord> caught(napi_env env) {
  try {
    throw;
  } catch (const Pending&) {
  } catch (const Napi::Error&) {
  } catch (...) {
    return std::make_unique<FailureRecord>(failure_record(std::current_exception()));
  }
  napi_value ignored = nullptr;
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) napi_get_and_clear_last_exception(env, &ignored);
  return std::make_unique<FailureRecord>(FailureRecord{"INTERNAL", "A result could not be handed to JavaScript", {}});
}

}  // namespace

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
    channel->environment_->settle();
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
  for (auto& [id, call] : pending_) {
    for (auto& pin : call.pins) pin.SuppressDestruct();
  }
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

std::pair<Napi::Value, Ticket> Environment::new_call(Pins pins) {
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  check(env_, napi_create_promise(env_, &deferred, &promise), "a promise");
  const std::uint64_t id = next_id_++;
  const bool first = pending_.empty();
  pending_.emplace(id, Call{deferred, std::move(pins)});
  if (first) napi_ref_threadsafe_function(env_, channel_->function_);
  return {Napi::Value(env_, promise), Ticket(channel_, id)};
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

Napi::Value Environment::close(const std::shared_ptr<EngineObject>& object) {
  return begin({}, [&](const Ticket& ticket) {
    object->release([this, object, ticket] {
      ticket.resolve([this, object](Napi::Env env) {
        forget(object);
        return env.Undefined();
      });
    });
  });
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
    settle_one(completion);
  }
}

void Environment::settle_one(Channel::Completion& completion) {
  Call call{};
  if (completion.id != 0) {
    const auto found = pending_.find(completion.id);
    if (found == pending_.end()) return;
    call = std::move(found->second);
    pending_.erase(found);
    if (pending_.empty()) napi_unref_threadsafe_function(env_, channel_->function_);
  }
  // Nothing may leave this function, which Node calls from C: what fails where JavaScript can't run any more (a worker
  // thread that is being terminated) has nobody left to be told.
  napi_value result = nullptr;
  try {
    if (!completion.failure) result = completion.make(env_);
  } catch (...) {
    completion.failure = caught(env_);
  }
  if (completion.id == 0) return;
  if (completion.failure) {
    napi_value error = js_error(env_, *completion.failure);
    if (error != nullptr) napi_reject_deferred(env_, call.deferred, error);
  } else {
    napi_resolve_deferred(env_, call.deferred, result);
  }
}

}  // namespace hazure
