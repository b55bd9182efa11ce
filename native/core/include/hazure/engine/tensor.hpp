#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace hazure {

/** Element types that cross the engine's border; `kOther` is everything that a model may hold besides. */
enum class ElementType { kFloat32, kFloat16, kInt64, kInt32, kUint8, kBool, kOther };

/** Bytes of one element; 0 for kOther. */
std::size_t element_bytes(ElementType type);

/** `float32`, `float16`, `int64`, `int32`, `uint8`, `bool`, `other`. */
const char* element_name(ElementType type);

/** The type of that name; kOther where there is none. */
ElementType element_type(const std::string& name);

/** What a model says about an input or output; −1 where it leaves a dimension open. */
struct TensorInfo {
  std::string name;
  ElementType type = ElementType::kOther;
  std::vector<std::int64_t> dims;
};

/** A named tensor that somebody else owns; row-major. */
struct FeedView {
  std::string name;
  ElementType type = ElementType::kOther;
  std::vector<std::int64_t> dims;
  const void* data = nullptr;
  std::size_t bytes = 0;
};

struct FreeDeleter {
  void operator()(std::byte* bytes) const noexcept { std::free(bytes); }
};

/** A named tensor with its own memory, which outlives the session that made it. */
struct OwnedTensor {
  std::string name;
  ElementType type = ElementType::kOther;
  std::vector<std::int64_t> dims;
  std::unique_ptr<std::byte[], FreeDeleter> data;
  std::size_t bytes = 0;
};

}  // namespace hazure
