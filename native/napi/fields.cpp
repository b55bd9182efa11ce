#include "fields.hpp"

#include <cmath>
#include <limits>

#include "hazure/engine/failure.hpp"

namespace hazure {

std::string kind_of(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return "a boolean";
    case napi_number:
      return value.ToString().Utf8Value();
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
  if (value.IsArray()) return "an array";
  if (value.IsTypedArray()) return "another typed array";
  return "an object";
}

void refuse_argument(const std::string& path, const std::string& expected, const std::string& came) {
  throw Failure("INPUT_INVALID", ErrorKind::kInput, path + ": expected " + expected + ", got " + came);
}

std::vector<Napi::Value> elements_of(Napi::Value value, const std::string& path) {
  if (!value.IsArray()) refuse_argument(path, "an array", kind_of(value));
  const auto array = value.As<Napi::Array>();
  std::vector<Napi::Value> elements(array.Length());
  for (std::uint32_t i = 0; i < array.Length(); ++i) elements[i] = array.Get(i);
  return elements;
}

Fields::Fields(Napi::Value value, std::string path) : path_(std::move(path)) {
  if (!value.IsObject()) refuse_argument(path_, "an object", kind_of(value));
  object_ = value.As<Napi::Object>();
}

void Fields::only(std::initializer_list<const char*> known) const {
  for (const Napi::Value& key : elements_of(object_.GetPropertyNames(), path_)) {
    const std::string name = key.ToString();
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

bool Fields::has(const char* name) const { return !object_.Get(name).IsUndefined(); }

std::string Fields::text(const char* name) const {
  const Napi::Value value = raw(name);
  if (!value.IsString()) refuse(name, "a string", kind_of(value));
  return value.As<Napi::String>();
}

double Fields::number(const char* name) const {
  const Napi::Value value = raw(name);
  if (!value.IsNumber()) refuse(name, "a number", kind_of(value));
  const double number = value.As<Napi::Number>();
  if (!std::isfinite(number)) refuse(name, "a finite number", kind_of(value));
  return number;
}

bool Fields::flag(const char* name) const {
  const Napi::Value value = raw(name);
  if (!value.IsBoolean()) refuse(name, "a boolean", kind_of(value));
  return value.As<Napi::Boolean>();
}

std::int64_t Fields::whole(const char* name, std::int64_t min, std::int64_t max) const {
  const double number = this->number(name);
  if (number != std::floor(number) || number < static_cast<double>(min) || number > static_cast<double>(max)) {
    refuse(name, "a whole number of " + std::to_string(min) + "…" + std::to_string(max), kind_of(raw(name)));
  }
  return static_cast<std::int64_t>(number);
}

std::array<float, 3> Fields::triple(const char* name) const {
  const auto elements = elements_of(raw(name), path_of(name));
  std::array<float, 3> values{};
  if (elements.size() != values.size()) {
    refuse(name, "3 numbers", std::to_string(elements.size()) + " elements");
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!elements[i].IsNumber()) refuse(name, "3 numbers", kind_of(elements[i]) + " among them");
    values[i] = elements[i].As<Napi::Number>().FloatValue();
  }
  return values;
}

std::vector<int> Fields::whole_list(const char* name, int min, int max) const {
  std::vector<int> values;
  for (const auto& element : elements_of(raw(name), path_of(name))) {
    const double number = element.IsNumber() ? element.As<Napi::Number>().DoubleValue()
                                             : std::numeric_limits<double>::quiet_NaN();
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
  for (const auto& element : elements_of(raw(name), path_of(name))) {
    if (!element.IsString()) refuse(name, "strings", kind_of(element) + " among them");
    values.push_back(element.As<Napi::String>());
  }
  return values;
}

}  // namespace hazure
