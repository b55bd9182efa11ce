#pragma once

#include <napi.h>

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include "hazure/engine/failure.hpp"

namespace hazure {

/**
 * Thrown where JavaScript threw, or where it can't run any more because its thread is being ended. Whatever is pending
 * stays pending, so that it reaches the caller as it was thrown: nothing here looks at it. (node-addon-api's own error
 * asks the thrown value for a property, which runs JavaScript when that is a proxy.)
 */
struct Pending {};

/** @throws Pending, or Failure INTERNAL for what Node-API itself refused */
void check(napi_env env, napi_status status, const char* doing);

/**
 * One call of JavaScript into the addon, in two phases: first everything is read, as plain values and handles; then
 * buffers and models are taken. Reading may run JavaScript (getters, proxies), which may resize, transfer or close
 * anything; taking can't. Reading after taking is a fault of the addon and is refused as one.
 */
class BorderCall {
 public:
  BorderCall();
  ~BorderCall();
  BorderCall(const BorderCall&) = delete;
  BorderCall& operator=(const BorderCall&) = delete;

  /** Before anything that may run JavaScript. @throws Failure INTERNAL after `take` */
  static void reading();
  /** From here on nothing of this call may run JavaScript. */
  static void take();

 private:
  BorderCall* outer_;  // a getter may call the addon again
  bool taken_ = false;
};

/**
 * A JavaScript Error with `code` (one of ERROR_CODES) and `hint` (a string, maybe empty) beside its message, and `items`
 * where the failure names some; null where JavaScript can't run.
 */
napi_value js_error(napi_env env, const FailureRecord& failure) noexcept;

/** Makes the failure a pending JavaScript Error with code, hint and items; does nothing where that can't be. */
void throw_failure(napi_env env, const FailureRecord& failure) noexcept;

/** A promise rejected with the exception that is pending, which is not any more then; empty where there can be none. */
Napi::Value rejected(napi_env env) noexcept;

/**
 * Runs the body of an exported function. What it throws becomes a JavaScript error with code and hint; no C++ exception
 * leaves it.
 */
template <typename Body>
Napi::Value guarded(Napi::Env env, Body&& body) noexcept {
  const BorderCall call;
  try {
    return body();
  } catch (const Pending&) {
  } catch (const Napi::Error& error) {
    // Of node-addon-api's own making: rethrown as it is, without asking it for anything.
    napi_value value = static_cast<const Napi::Reference<Napi::Object>&>(error).Value();
    if (value != nullptr) napi_throw(env, value);
  } catch (...) {
    throw_failure(env, failure_record(std::current_exception()));
  }
  return {};
}

/**
 * `guarded` for functions that give a promise: what the body throws, or a getter of the caller's, rejects it, so that
 * there is one way to hear of an error. The error is made here and now, its stack is the caller's.
 */
template <typename Body>
Napi::Value promised(Napi::Env env, Body&& body) noexcept {
  const Napi::Value promise = guarded(env, std::forward<Body>(body));
  return promise.IsEmpty() ? rejected(env) : promise;
}

/**
 * Sets an own property of an object made here. Unlike a plain assignment it asks no prototype: a setter on
 * Object.prototype is not run, and a key like `__proto__` is a key.
 */
void define(napi_env env, napi_value object, const char* name, napi_value value);
void define(napi_env env, napi_value object, const std::string& name, napi_value value);
void define(napi_env env, napi_value array, std::uint32_t index, napi_value value);

/** `define` of whatever has a JavaScript value. */
template <typename Key, typename Value>
void set(const Napi::Value& object, const Key& key, const Value& value) {
  define(object.Env(), object, key, Napi::Value::From(object.Env(), value));
}

}  // namespace hazure
