#pragma once

#include <napi.h>

#include "hazure/engine/failure.hpp"

namespace hazure {

/** A JavaScript Error with `code` (one of ERROR_CODES) and `hint` (a string, maybe empty) beside its message. */
Napi::Error js_error(Napi::Env env, const FailureRecord& failure);

/** Runs the body of an exported function; what it throws becomes a JavaScript error with code and hint. */
template <typename Body>
Napi::Value guarded(Napi::Env env, Body&& body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw js_error(env, failure_record(std::current_exception()));
  }
}

}  // namespace hazure
