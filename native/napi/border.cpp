#include "border.hpp"

namespace hazure {
namespace {

thread_local BorderCall* innermost = nullptr;
thread_local const bool* innermost_taken = nullptr;

constexpr auto kPlain = static_cast<napi_property_attributes>(napi_writable | napi_enumerable | napi_configurable);

bool define_plain(napi_env env, napi_value object, napi_value name, napi_value value) {
  const napi_property_descriptor property{nullptr, name, nullptr, nullptr, nullptr, value, kPlain, nullptr};
  return napi_define_properties(env, object, 1, &property) == napi_ok;
}

bool define_text(napi_env env, napi_value object, const char* name, const std::string& text) {
  napi_value key = nullptr;
  napi_value value = nullptr;
  return napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &key) == napi_ok &&
         napi_create_string_utf8(env, text.data(), text.size(), &value) == napi_ok &&
         define_plain(env, object, key, value);
}

}  // namespace

void check(napi_env env, napi_status status, const char* doing) {
  if (status == napi_ok) return;
  bool pending = false;
  if (status == napi_pending_exception || status == napi_cannot_run_js || status == napi_closing ||
      napi_is_exception_pending(env, &pending) != napi_ok || pending) {
    throw Pending();
  }
  throw Failure("INTERNAL", ErrorKind::kDevice,
                std::string("Node-API refused ") + doing + " with status " + std::to_string(status));
}

BorderCall::BorderCall() : outer_(innermost) {
  innermost = this;
  innermost_taken = &taken_;
}

BorderCall::~BorderCall() {
  innermost = outer_;
  innermost_taken = outer_ == nullptr ? nullptr : &outer_->taken_;
}

void BorderCall::reading() {
  if (innermost_taken == nullptr || !*innermost_taken) return;
  throw Failure("INTERNAL", ErrorKind::kDevice, "An argument was read after the call's buffers were taken",
                "This is a fault of hazure's addon: please report it.");
}

void BorderCall::take() {
  if (innermost != nullptr) innermost->taken_ = true;
}

void throw_failure(napi_env env, const FailureRecord& failure) noexcept {
  napi_value error = js_error(env, failure);
  if (error != nullptr) napi_throw(env, error);
}

napi_value js_error(napi_env env, const FailureRecord& failure) noexcept {
  napi_value message = nullptr;
  napi_value error = nullptr;
  if (napi_create_string_utf8(env, failure.message.data(), failure.message.size(), &message) != napi_ok) return nullptr;
  if (napi_create_error(env, nullptr, message, &error) != napi_ok) return nullptr;
  define_text(env, error, "code", failure.code);
  define_text(env, error, "hint", failure.hint);
  if (failure.items.empty()) return error;
  napi_value items = nullptr;
  napi_value key = nullptr;
  if (napi_create_array_with_length(env, failure.items.size(), &items) != napi_ok) return error;
  for (std::size_t i = 0; i < failure.items.size(); ++i) {
    napi_value number = nullptr;
    napi_value place = nullptr;
    const std::string index = std::to_string(i);
    if (napi_create_int64(env, static_cast<std::int64_t>(failure.items[i]), &number) != napi_ok ||
        napi_create_string_utf8(env, index.data(), index.size(), &place) != napi_ok ||
        !define_plain(env, items, place, number)) {
      return error;
    }
  }
  if (napi_create_string_utf8(env, "items", NAPI_AUTO_LENGTH, &key) == napi_ok) define_plain(env, error, key, items);
  return error;
}

Napi::Value rejected(napi_env env) noexcept {
  bool pending = false;
  napi_value error = nullptr;
  napi_deferred deferred = nullptr;
  napi_value promise = nullptr;
  // Where nothing is pending the thread is being ended, and where nothing more can be made it is, too.
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending ||
      napi_get_and_clear_last_exception(env, &error) != napi_ok) {
    return {};
  }
  if (napi_create_promise(env, &deferred, &promise) != napi_ok ||
      napi_reject_deferred(env, deferred, error) != napi_ok) {
    return {};
  }
  return {env, promise};
}

void define(napi_env env, napi_value object, const char* name, napi_value value) {
  define(env, object, std::string(name), value);
}

void define(napi_env env, napi_value object, const std::string& name, napi_value value) {
  napi_value key = nullptr;
  check(env, napi_create_string_utf8(env, name.data(), name.size(), &key), "a property name");
  if (!define_plain(env, object, key, value)) check(env, napi_pending_exception, "a property");
}

void define(napi_env env, napi_value array, std::uint32_t index, napi_value value) {
  define(env, array, std::to_string(index), value);
}

}  // namespace hazure
