#include "errors.hpp"

namespace hazure {

Napi::Error js_error(Napi::Env env, const FailureRecord& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  error.Set("code", Napi::String::New(env, failure.code));
  error.Set("hint", Napi::String::New(env, failure.hint));
  return error;
}

}  // namespace hazure
