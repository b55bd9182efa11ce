#pragma once

#include "hazure/half.hpp"

struct __half {
  std::uint16_t bits;
};

inline __half __float2half_rn(float value) {
  __half half{};
  hazure::float_to_half(&value, &half.bits, 1);
  return half;
}
