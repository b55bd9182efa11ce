#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hazure/image.hpp"
#include "kernels/kernels.hpp"

// Test pictures and numbers, the same on every machine.
namespace testing {

struct Picture {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;

  [[nodiscard]] hazure::ImageView view() const { return {pixels.data(), width, height, 0}; }
};

/** `noise` or `ramp`; the formulas of native/tests/goldens/make_goldens.py. */
inline Picture make_picture(const std::string& kind, int width, int height, std::uint32_t seed) {
  Picture picture{width, height, {}};
  const auto count = static_cast<std::uint32_t>(width) * static_cast<std::uint32_t>(height) * 3U;
  picture.pixels.resize(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (kind == "noise") {
      std::uint32_t value = (i + seed * 7919U) * 2654435761U;
      value ^= value >> 15;
      value *= 2246822519U;
      value ^= value >> 13;
      picture.pixels[i] = static_cast<std::uint8_t>(value >> 3);
    } else {
      const auto w = static_cast<std::uint32_t>(width);
      const std::uint32_t pixel = i / 3;
      picture.pixels[i] = static_cast<std::uint8_t>(pixel % w * 255U / w + pixel / w * 3U + i % 3 * (60U + seed));
    }
  }
  return picture;
}

/** xorshift64*; uniform numbers for property tests. */
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ULL + 1) {}
  std::uint64_t bits() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1DULL;
  }
  /** low…high, both included */
  int integer(int low, int high) {
    return low + static_cast<int>((bits() >> 33) % static_cast<std::uint64_t>(high - low + 1));
  }
  /** low ≤ x < high */
  double real(double low, double high) { return low + (high - low) * (double(bits() >> 11) * 0x1p-53); }

 private:
  std::uint64_t state_;
};

/** Runs `body(name)` once per instruction set that this processor has, then goes back to the best. */
template <typename Body>
void for_each_kernel_set(Body&& body) {
  struct Restore {
    ~Restore() { hazure::kernels::force(hazure::kernels::available().back()->name); }
  } restore;
  for (const hazure::kernels::KernelTable* table : hazure::kernels::available()) {
    hazure::kernels::force(table->name);
    body(std::string(table->name));
  }
}

}  // namespace testing
