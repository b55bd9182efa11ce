#include "fields.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include "border.hpp"

namespace hazure {

std::string kind_of(const Napi::Value& value) {
  napi_valuetype type = napi_undefined;
  check(value.Env(), napi_typeof(value.Env(), value, &type), "the type of an argument");
  switch (type) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return "a boolean";
    case napi_number: {
      // As JavaScript writes it; no code of anybody's runs for a number.
      napi_value text = nullptr;
      char digits[64];
      std::size_t length = 0;
      if (napi_coerce_to_string(value.Env(), value, &text) != napi_ok ||
          napi_get_value_string_utf8(value.Env(), text, digits, sizeof digits, &length) != napi_ok) {
        return "a number";
      }
      return {digits, length};
    }
    case napi_string:
      return "a string";
    case napi_function:
      return "a function";
    case napi_bigint:
      return "a bigint";
    case napi_symbol:
      return "a symbol";
    case napi_object:
    case napi_external:
      break;
  }
  bool is = false;
  if (napi_is_array(value.Env(), value, &is) == napi_ok && is) return "an array";
  if (napi_is_typedarray(value.Env(), value, &is) == napi_ok && is) return "another typed array";
  return "an object";
}

void refuse_argument(const std::string& path, const std::string& expected, const std::string& came) {
  throw Failure("INPUT_INVALID", ErrorKind::kInput, path + ": expected " + expected + ", got " + came);
}

std::string text_of(const Napi::Value& value, const std::string& path) {
  const napi_env env = value.Env();
  if (!value.IsString()) refuse_argument(path, "a string", kind_of(value));
  std::size_t length = 0;
  check(env, napi_get_value_string_utf8(env, value, nullptr, 0, &length), "the length of a string");
  if (length > kMostText) {
    refuse_argument(path, "a string of at most " + std::to_string(kMostText) + " bytes", std::to_string(length));
  }
  std::string text(length, '\0');
  check(env, napi_get_value_string_utf8(env, value, text.data(), length + 1, &length), "a string");
  text.resize(length);
  if (text.find('\0') != std::string::npos) refuse_argument(path, "a string without NUL characters", "one with");
  return text;
}

std::vector<Napi::Value> elements_of(const Napi::Value& value, const std::string& path, std::uint32_t most) {
  BorderCall::reading();
  const napi_env env = value.Env();
  bool is_array = false;
  check(env, napi_is_array(env, value, &is_array), "an argument");
  if (!is_array) refuse_argument(path, "an array", kind_of(value));
  std::uint32_t length = 0;
  check(env, napi_get_array_length(env, value, &length), "the length of an array");
  if (length > most) {
    refuse_argument(path, "an array of at most " + std::to_string(most) + " elements", std::to_string(length));
  }
  // The length as it was: a getter among the elements may change it, and what is gone then is undefined.
  std::vector<Napi::Value> elements;
  elements.reserve(length);
  for (std::uint32_t i = 0; i < length; ++i) {
    napi_value element = nullptr;
    check(env, napi_get_element(env, value, i, &element), "an element");
    elements.emplace_back(env, element);
  }
  return elements;
}

std::vector<Napi::Value> keys_of(const Napi::Value& value, const std::string& path) {
  BorderCall::reading();
  const napi_env env = value.Env();
  napi_value keys = nullptr;
  constexpr auto filter = static_cast<napi_key_filter>(napi_key_enumerable | napi_key_skip_symbols);
  check(env,
        napi_get_all_property_names(env, value, napi_key_own_only, filter, napi_key_numbers_to_strings, &keys),
        "the keys of an object");
  return elements_of(Napi::Value(env, keys), path, kMostNames);
}

Napi::Value property_of(const Napi::Value& object, const Napi::Value& key) {
  BorderCall::reading();
  napi_value value = nullptr;
  check(object.Env(), napi_get_property(object.Env(), object, key, &value), "a property");
  return {object.Env(), value};
}

Fields::Fields(Napi::Value value, std::string path) : object_(value), path_(std::move(path)) {
  napi_valuetype type = napi_undefined;
  check(value.Env(), napi_typeof(value.Env(), value, &type), "the type of an argument");
  if (type != napi_object && type != napi_function) refuse_argument(path_, "an object", kind_of(value));
}

Napi::Value Fields::raw(const char* name) const {
  for (const auto& [known, value] : read_) {
    if (std::strcmp(known, name) == 0) return value;
  }
  BorderCall::reading();
  napi_value value = nullptr;
  check(object_.Env(), napi_get_named_property(object_.Env(), object_, name, &value), "a property");
  return read_.emplace_back(name, Napi::Value(object_.Env(), value)).second;
}

std::string Fields::quoted(const std::string& text) {
  constexpr std::size_t most = 80;
  return "'" + (text.size() <= most ? text : text.substr(0, most) + "…") + "'";
}

void Fields::only(std::initializer_list<const char*> known) const {
  for (const Napi::Value& key : keys_of(object_, path_)) {
    const std::string name = text_of(key, path_);
    std::string all;
    bool found = false;
    for (const char* each : known) {
      found = found || name == each;
      all += (all.empty() ? "" : ", ") + std::string(each);
    }
    if (!found) refuse_argument(path_, "no keys but " + all, name);
  }
}

void Fields::refuse(const char* name, const std::string& expected, const std::string& came) const {
  refuse_argument(path_of(name), expected, came);
}

std::string Fields::text(const char* name) const { return text_of(raw(name), path_of(name)); }

double Fields::number(const char* name) const {
  const Napi::Value value = raw(name);
  double number = 0;
  if (napi_get_value_double(value.Env(), value, &number) != napi_ok) refuse(name, "a number", kind_of(value));
  if (!std::isfinite(number)) refuse(name, "a finite number", kind_of(value));
  return number;
}

bool Fields::flag(const char* name) const {
  const Napi::Value value = raw(name);
  bool flag = false;
  if (napi_get_value_bool(value.Env(), value, &flag) != napi_ok) refuse(name, "a boolean", kind_of(value));
  return flag;
}

std::int64_t Fields::whole(const char* name, std::int64_t min, std::int64_t max) const {
  const double number = this->number(name);
  if (number != std::floor(number) || number < static_cast<double>(min) || number > static_cast<double>(max)) {
    refuse(name, "a whole number of " + std::to_string(min) + "…" + std::to_string(max), kind_of(raw(name)));
  }
  return static_cast<std::int64_t>(number);
}

std::array<float, 3> Fields::triple(const char* name) const {
  const auto elements = elements_of(raw(name), path_of(name), kMostNames);
  std::array<float, 3> values{};
  if (elements.size() != values.size()) {
    refuse(name, "3 numbers", std::to_string(elements.size()) + " elements");
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    double number = 0;
    if (napi_get_value_double(elements[i].Env(), elements[i], &number) != napi_ok) {
      refuse(name, "3 numbers", kind_of(elements[i]) + " among them");
    }
    values[i] = static_cast<float>(number);
  }
  return values;
}

std::vector<int> Fields::whole_list(const char* name, int min, int max, std::uint32_t most) const {
  std::vector<int> values;
  for (const auto& element : elements_of(raw(name), path_of(name), most)) {
    double number = std::numeric_limits<double>::quiet_NaN();
    napi_get_value_double(element.Env(), element, &number);
    if (!(number >= min && number <= max) || number != std::floor(number)) {
      refuse(name, "whole numbers of " + std::to_string(min) + "…" + std::to_string(max),
             kind_of(element) + " among them");
    }
    values.push_back(static_cast<int>(number));
  }
  return values;
}

std::vector<std::string> Fields::text_list(const char* name) const {
  std::vector<std::string> values;
  for (const auto& element : elements_of(raw(name), path_of(name), kMostNames)) {
    if (!element.IsString()) refuse(name, "strings", kind_of(element) + " among them");
    values.push_back(text_of(element, path_of(name)));
  }
  return values;
}

}  // namespace hazure
