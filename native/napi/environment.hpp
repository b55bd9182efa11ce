#pragma once

#include <napi.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "buffers.hpp"
#include "hazure/engine/failure.hpp"
#include "hazure/engine/worker.hpp"

namespace hazure {

/** A model with threads of its own that belongs to one JavaScript environment. */
class EngineObject {
 public:
  virtual ~EngineObject() = default;
  /** Stops the running inference, drops what is queued, joins the threads. JavaScript thread only. */
  virtual void stop() = 0;
  /** Frees the model on the object's own thread once all that was asked before is done, then calls `done`. */
  virtual void release(std::function<void()> done) = 0;
};

/** Makes the result of a call; runs on the JavaScript thread. */
using MakeResult = std::function<Napi::Value(Napi::Env)>;

class Channel;
class Environment;

/** Settles the promise of one call, once, from any thread. Does nothing when the environment is gone. */
class Ticket {
 public:
  void resolve(MakeResult make) const;
  void reject(FailureRecord failure) const;
  /** Rejects with whatever the pointer holds. */
  void reject(const std::exception_ptr& error) const { reject(failure_record(error)); }
  /** Runs something on the JavaScript thread, after what was settled before; not at all when that is gone. */
  void on_js_thread(std::function<void(Napi::Env)> task) const;

 private:
  friend class Environment;
  Ticket(std::shared_ptr<Channel> channel, std::uint64_t id) : channel_(std::move(channel)), id_(id) {}
  std::shared_ptr<Channel> channel_;
  std::uint64_t id_;
};

/** The way back to the JavaScript thread; outlives the environment as long as a ticket holds it. */
class Channel {
 public:
  struct Completion {
    std::uint64_t id;  // 0: no promise, only `make` is called
    MakeResult make;
    std::unique_ptr<FailureRecord> failure;
  };

  void send(Completion completion);
  /** False once the environment is going away; the JavaScript thread must not touch it any more then. */
  bool open();

 private:
  friend class Environment;
  std::mutex mutex_;
  std::deque<Completion> ready_;
  Environment* environment_ = nullptr;
  napi_threadsafe_function function_ = nullptr;
};

/**
 * What the addon keeps per JavaScript environment (the main thread and every worker thread have their own).
 * All methods are for the JavaScript thread; other threads hold tickets, which carry no JavaScript values.
 */
class Environment {
 public:
  explicit Environment(Napi::Env env);
  ~Environment();
  static Environment& of(Napi::Env env);

  /**
   * Begins a call: `start` gets the ticket to settle its promise with, and hands the work to a thread. What it throws
   * rejects the promise.
   * @param pins the JavaScript values whose memory the call reads; kept alive until it is settled
   */
  template <typename Start>
  Napi::Value begin(Pins pins, Start&& start) {
    auto [promise, ticket] = new_call(std::move(pins));
    try {
      start(ticket);
    } catch (...) {
      ticket.reject(std::current_exception());
    }
    return promise;
  }

  /** The thread for work that belongs to no model. */
  Worker& general();
  /** As many threads as cores that read, decode and encode image files. */
  Worker& images();

  /** Keeps the object until it is forgotten, and stops it when the environment goes away. */
  void adopt(const std::shared_ptr<EngineObject>& object);
  /** Joins the object's threads and lets go of it. */
  void forget(const std::shared_ptr<EngineObject>& object);
  /** Releases the object's model behind its queue, joins its threads afterwards; the promise tells when. */
  Napi::Value close(const std::shared_ptr<EngineObject>& object);
  /** As close, for an object that JavaScript has lost. */
  void abandon(const std::shared_ptr<EngineObject>& object);

  [[nodiscard]] const std::shared_ptr<Channel>& channel() const { return channel_; }

 private:
  friend class Channel;
  struct Call {
    napi_deferred deferred;
    Pins pins;
  };
  std::pair<Napi::Value, Ticket> new_call(Pins pins);
  void settle();
  void settle_one(Channel::Completion& completion);
  static void shut_down(void* self);

  Napi::Env env_;
  std::shared_ptr<Channel> channel_;
  std::unordered_map<std::uint64_t, Call> pending_;
  std::uint64_t next_id_ = 1;
  std::vector<std::shared_ptr<EngineObject>> objects_;
  std::unique_ptr<Worker> general_;
  std::unique_ptr<Worker> images_;
};

}  // namespace hazure
