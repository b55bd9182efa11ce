#include "hazure/half.hpp"

#include <limits>
#include <vector>

#include "check.hpp"

using namespace hazure;

TEST(half, every_half_survives_the_way_through_float) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    float value = 0;
    std::uint16_t back = 0;
    half_to_float(&half, &value, 1);
    float_to_half(&value, &back, 1);
    const bool nan = (half & 0x7C00U) == 0x7C00U && (half & 0x3FFU) != 0;
    CHECK(nan ? (back & 0x7C00U) == 0x7C00U && (back & 0x3FFU) != 0 : back == half, "for ", bits);
    if (!nan && (half & 0x7C00U) != 0x7C00U) {
      const int exponent = (half >> 10) & 31;
      const double mantissa = half & 1023;
      const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
      CHECK_EQ(double(value), (half & 0x8000U) != 0 ? -magnitude : magnitude);
    }
  }
}

TEST(half, rounds_to_the_nearest_even) {
  const std::vector<std::pair<float, std::uint16_t>> wanted{
      {1.0F, 0x3C00},        {1.0F + 0x1p-11F, 0x3C00}, {1.0F + 0x1.8p-10F, 0x3C02}, {1.0F + 0x1.002p-11F, 0x3C01},
      {65504.0F, 0x7BFF},    {65519.9F, 0x7BFF},        {65520.0F, 0x7C00},          {1e30F, 0x7C00},
      {-1e30F, 0xFC00},      {0x1p-24F, 0x0001},        {0x1p-25F, 0x0000},          {0x1.8p-25F, 0x0001},
      {-0.0F, 0x8000},       {0x1.8p-24F, 0x0002},      {0x1.ff8p-15F, 0x03FF},      {0x1.ffcp-15F, 0x0400},
  };
  for (const auto& [value, half] : wanted) {
    std::uint16_t came = 0;
    float_to_half(&value, &came, 1);
    CHECK_EQ(int(came), int(half), "for ", value);
  }
}
