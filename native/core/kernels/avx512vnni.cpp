// Compiled with -mavx512vnni (and F, BW, VL, DQ). Same bits as portable.inl. No std:: calls here (kernels.hpp).
#include <immintrin.h>

#include "kernels/kernels.hpp"

namespace {
#include "kernels/portable.inl"
#include "kernels/split_weights.inl"
#include "kernels/avx512_rows.inl"

/**
 * A weight as three signed base-256 digits: vpdpbusd multiplies four bytes with four digits and adds them up.
 * Words: the lowest digits of taps 0…3, the middle ones, the highest ones, nothing.
 */
void digit_encode_quad(const std::int32_t* weights, std::int32_t* words) {
  std::uint32_t digits[3] = {0, 0, 0};
  for (int tap = 0; tap < 4; ++tap) {
    std::int32_t rest = weights[tap];
    for (int d = 0; d < 3; ++d) {
      const std::int32_t digit = (rest & 255) >= 128 ? (rest & 255) - 256 : (rest & 255);
      digits[d] |= (static_cast<std::uint32_t>(digit) & 255U) << (8 * tap);
      rest = (rest - digit) / 256;
    }
  }
  for (int d = 0; d < 3; ++d) words[d] = static_cast<std::int32_t>(digits[d]);
  words[3] = 0;
}

struct Weights {
  __m512i digit[3];
  explicit Weights(const std::int32_t* words) {
    for (int d = 0; d < 3; ++d) digit[d] = _mm512_set1_epi32(words[d]);
  }
};

struct Sums {
  __m512i digit[3] = {_mm512_set1_epi32(1 << (kAntialiasBits - 1)), _mm512_setzero_si512(), _mm512_setzero_si512()};

  void accumulate(__m512i words, const Weights& weights) {
    for (int d = 0; d < 3; ++d) digit[d] = _mm512_dpbusd_epi32(digit[d], words, weights.digit[d]);
  }
  /** Not above 2^31 and not below 0; the callers cut at 255. */
  [[nodiscard]] __m512i pixels() const {
    const __m512i sum = _mm512_add_epi32(digit[0], _mm512_add_epi32(_mm512_slli_epi32(digit[1], 8), _mm512_slli_epi32(digit[2], 16)));
    return _mm512_max_epi32(_mm512_srai_epi32(sum, kAntialiasBits), _mm512_setzero_si512());
  }
};

#include "kernels/avx512_convolve.inl"

}  // namespace

namespace hazure::kernels {

const KernelTable kAvx512Vnni{
    .name = "avx512vnni",
    .normalise_row = avx512_normalise_row,
    .bilinear_row = avx512_bilinear_row,
    .bilinear_blend = avx512_bilinear_blend,
    .encode_quad = digit_encode_quad,
    .gather_strip = avx512_gather_strip,
    .convolve_strip = avx512_convolve_strip,
    .convolve_column = avx512_convolve_column,
    .class_max_columns = portable_class_max_columns,
    .class_max_row = portable_class_max_row,
    .any_overlap = portable_any_overlap,
    .sum_of_squares = portable_sum_of_squares,
    .scale_values = portable_scale_values,
};

}  // namespace hazure::kernels
