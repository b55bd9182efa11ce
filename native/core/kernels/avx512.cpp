// Compiled with -mavx512f, bw, vl, dq. Same bits as portable.inl. No std:: calls here (kernels.hpp).
#include <immintrin.h>

#include "kernels/kernels.hpp"

namespace {
#include "kernels/portable.inl"
#include "kernels/split_weights.inl"
#include "kernels/avx512_rows.inl"

struct Weights {
  __m512i half[4];
  explicit Weights(const std::int32_t* words) {
    for (int i = 0; i < 4; ++i) half[i] = _mm512_set1_epi32(words[i]);
  }
};

struct Sums {
  __m512i low = _mm512_set1_epi32(1 << (kAntialiasBits - 1));
  __m512i high = _mm512_setzero_si512();

  void accumulate(__m512i words, const Weights& weights) {
    const __m512i mask = _mm512_set1_epi32(0x00FF00FF);
    const __m512i even = _mm512_and_si512(words, mask);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(words, 8), mask);
    low = _mm512_add_epi32(low, _mm512_add_epi32(_mm512_madd_epi16(even, weights.half[0]), _mm512_madd_epi16(odd, weights.half[2])));
    high = _mm512_add_epi32(high, _mm512_add_epi32(_mm512_madd_epi16(even, weights.half[1]), _mm512_madd_epi16(odd, weights.half[3])));
  }
  /** Not below 0; the callers cut at 255. */
  [[nodiscard]] __m512i pixels() const {
    const __m512i sum = _mm512_add_epi32(low, _mm512_slli_epi32(high, kSplitBits));
    return _mm512_max_epi32(_mm512_srai_epi32(sum, kAntialiasBits), _mm512_setzero_si512());
  }
};

#include "kernels/avx512_convolve.inl"

}  // namespace

namespace hazure::kernels {

const KernelTable kAvx512{
    .name = "avx512",
    .normalise_row = avx512_normalise_row,
    .bilinear_row = avx512_bilinear_row,
    .bilinear_blend = avx512_bilinear_blend,
    .encode_quad = split_encode_quad,
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
