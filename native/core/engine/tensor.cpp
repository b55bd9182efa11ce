#include "hazure/engine/tensor.hpp"

#include <array>

namespace hazure {
namespace {

struct ElementFacts {
  ElementType type;
  const char* name;
  std::size_t bytes;
};

constexpr std::array<ElementFacts, 6> kElements{{
    {ElementType::kFloat32, "float32", 4},
    {ElementType::kFloat16, "float16", 2},
    {ElementType::kInt64, "int64", 8},
    {ElementType::kInt32, "int32", 4},
    {ElementType::kUint8, "uint8", 1},
    {ElementType::kBool, "bool", 1},
}};

}  // namespace

std::size_t element_bytes(ElementType type) {
  for (const auto& facts : kElements) {
    if (facts.type == type) return facts.bytes;
  }
  return 0;
}

const char* element_name(ElementType type) {
  for (const auto& facts : kElements) {
    if (facts.type == type) return facts.name;
  }
  return "other";
}

ElementType element_type(const std::string& name) {
  for (const auto& facts : kElements) {
    if (name == facts.name) return facts.type;
  }
  return ElementType::kOther;
}

}  // namespace hazure
