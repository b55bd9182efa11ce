#include "buffers.hpp"

#include <cstring>

#include "blocks.hpp"
#include "border.hpp"
#include "copies.hpp"
#include "fields.hpp"
#include "hazure/checked_size.hpp"

namespace hazure {
namespace {

/** Bytes of an element; 0 for kinds that this Node-API does not know. */
std::size_t element_size(int type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return 1;
    case napi_int16_array:
    case napi_uint16_array:
      return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array:
      return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array:
      return 8;
    default:
      return 0;
  }
}

/** Stands for memory of no bytes. */
constexpr std::byte kNothing{};

}  // namespace

std::string TypedBytes::came() const {
  return detached ? "a detached buffer" : std::to_string(bytes) + " bytes";
}

BufferTaker::BufferTaker(napi_env env) : env_(env) { BorderCall::take(); }

TypedBytes BufferTaker::look(const Napi::Value& value, const std::string& path) const {
  bool is = false;
  check(env_, napi_is_typedarray(env_, value, &is), "an argument");
  if (!is) refuse_argument(path, "a typed array", kind_of(value));
  auto type = static_cast<napi_typedarray_type>(-1);
  std::size_t length = 0;
  void* data = nullptr;
  napi_value buffer = nullptr;
  check(env_, napi_get_typedarray_info(env_, value, &type, &length, &data, &buffer, nullptr), "a typed array");
  bool plain = true;
  check(env_, napi_is_arraybuffer(env_, buffer, &plain), "the buffer of a typed array");
  TypedBytes found;
  found.bytes = checked_product({length, element_size(type)}).value_or(0);
  found.type = element_size(type) == 0 ? -1 : type;
  found.data = data == nullptr || found.bytes == 0 ? &kNothing : static_cast<const std::byte*>(data);
  if (data == nullptr) found.bytes = 0;
  found.shared = !plain;
  if (plain) check(env_, napi_is_detached_arraybuffer(env_, buffer, &found.detached), "the buffer of a typed array");
  return found;
}

bool BufferTaker::copies(const TypedBytes& bytes) const {
  return bytes.bytes > 0 && !bytes.shared && !block_of(bytes.data, bytes.bytes);
}

const std::byte* BufferTaker::hold(const Napi::Value& value, const TypedBytes& bytes) {
  if (bytes.bytes == 0) return &kNothing;
  const auto [place, is_new] = held_.try_emplace(bytes.data, bytes.bytes, nullptr);
  auto& [known_bytes, known] = place->second;
  if (!is_new && known_bytes >= bytes.bytes) return known;
  known_bytes = bytes.bytes;
  if (auto block = block_of(bytes.data, bytes.bytes)) {
    memory.push_back(std::move(block));
    known = bytes.data;
  } else if (bytes.shared) {
    pins.push_back(Napi::Persistent(value.As<Napi::Object>()));
    known = bytes.data;
  } else {
    known = copy(bytes);
  }
  return known;
}

const std::byte* BufferTaker::copy(const TypedBytes& bytes) {
  if (bytes.bytes == 0) return &kNothing;
  std::byte* target = room(bytes.bytes);
  std::memcpy(target, bytes.data, bytes.bytes);
  return target;
}

const std::byte* BufferTaker::copy_rows(const std::byte* first, std::size_t row_bytes, std::size_t rows,
                                        std::ptrdiff_t stride) {
  std::byte* target = room(row_bytes * rows);
  for (std::size_t row = 0; row < rows; ++row) {
    std::memcpy(target + row * row_bytes, first + static_cast<std::ptrdiff_t>(row) * stride, row_bytes);
  }
  return target;
}

std::byte* BufferTaker::room(std::size_t bytes) {
  std::shared_ptr<std::byte> copied = memory_for_copy(bytes);
  std::byte* const target = copied.get();
  memory.push_back(std::move(copied));
  return target;
}

}  // namespace hazure
