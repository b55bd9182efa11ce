// Compiled with -mavx2. Same bits as portable.inl. No std:: calls, no inline functions of headers (kernels.hpp).
#include <immintrin.h>

#include "kernels/kernels.hpp"

namespace {
#include "kernels/portable.inl"

__m128i load16(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
__m256i load32(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
void store32(void* to, __m256i value) { _mm256_storeu_si256(static_cast<__m256i*>(to), value); }

/** 8 bytes of two pixel pairs: `R0 G0 B0 R1 G1 B1 · ·` each. */
__m128i load_pairs(const std::uint8_t* row, const std::int32_t* offset, int a, int b) {
  const __m128i low = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + offset[a]));
  return _mm_castps_si128(_mm_loadh_pi(_mm_castsi128_ps(low), reinterpret_cast<const __m64*>(row + offset[b])));
}

__m256i join(__m128i low, __m128i high) { return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1); }
__m256i both_lanes(__m128i value) { return _mm256_broadcastsi128_si256(value); }

void store_floats(float* out, __m256i integers, __m256 multiply, __m256 add) {
  _mm256_storeu_ps(out, _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(integers), multiply), add));
}

void avx2_normalise_row(const std::uint8_t* row, std::ptrdiff_t readable, int count, const PlanarOutput& planes) {
  const __m128i planar = _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1);
  int x = 0;
  for (; x + 8 <= count && 3 * x + 28 <= readable; x += 8) {
    const __m128i first = _mm_shuffle_epi8(load16(row + 3 * x), planar);
    const __m128i second = _mm_shuffle_epi8(load16(row + 3 * x + 12), planar);
    const __m128i red_green = _mm_unpacklo_epi32(first, second);
    const __m128i blue = _mm_unpackhi_epi32(first, second);
    const __m128i bytes[3] = {red_green, _mm_unpackhi_epi64(red_green, red_green), blue};
    for (int c = 0; c < 3; ++c) {
      store_floats(planes.out[c] + x, _mm256_cvtepu8_epi32(bytes[c]), _mm256_set1_ps(planes.multiply[c]),
                   _mm256_set1_ps(planes.add[c]));
    }
  }
  PlanarOutput rest = planes;
  for (float*& out : rest.out) out += x;
  portable_normalise_row(row + 3 * x, 0, count - x, rest);
}

/** Output pixels x…x+7 of a bilinear row. */
void bilinear_eight(const std::uint8_t* row, const BilinearColumns& columns, int x, std::int16_t* out, int plane) {
  const __m256i red_green = both_lanes(_mm_setr_epi8(0, -1, 3, -1, 8, -1, 11, -1, 1, -1, 4, -1, 9, -1, 12, -1));
  const __m256i blue = both_lanes(_mm_setr_epi8(2, -1, 5, -1, 10, -1, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  const std::int32_t* offset = columns.byte_offset + x;
  const __m256i first = join(load_pairs(row, offset, 0, 1), load_pairs(row, offset, 4, 5));
  const __m256i second = join(load_pairs(row, offset, 2, 3), load_pairs(row, offset, 6, 7));
  const __m256i weights = load32(columns.weights + 2 * x);
  const __m256i rg0 = _mm256_shuffle_epi8(first, red_green);
  const __m256i rg1 = _mm256_shuffle_epi8(second, red_green);
  const __m256i channels[3] = {
      _mm256_unpacklo_epi64(rg0, rg1), _mm256_unpackhi_epi64(rg0, rg1),
      _mm256_unpacklo_epi64(_mm256_shuffle_epi8(first, blue), _mm256_shuffle_epi8(second, blue))};
  for (int c = 0; c < 3; ++c) {
    const __m256i sums = _mm256_srli_epi32(_mm256_madd_epi16(channels[c], weights), 4);
    const __m128i packed = _mm_packs_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + c * plane + x), packed);
  }
}

void avx2_bilinear_row(const std::uint8_t* row, std::ptrdiff_t readable, const BilinearColumns& columns,
                       std::int16_t* out, int plane) {
  int safe = columns.count;
  while (safe > 0 && columns.byte_offset[safe - 1] + 8 > readable) --safe;
  int x = 0;
  for (; x + 8 <= safe; x += 8) bilinear_eight(row, columns, x, out, plane);
  if (x < safe && safe >= 8) {
    bilinear_eight(row, columns, safe - 8, out, plane);
    x = safe;
  }
  portable_bilinear_pixels(row, columns, x, out, plane);
}

void avx2_bilinear_blend(const std::int16_t* top, const std::int16_t* bottom, int top_weight, int bottom_weight,
                         int count, int plane, const PlanarOutput& planes) {
  const __m256i w0 = _mm256_set1_epi16(static_cast<short>(top_weight));
  const __m256i w1 = _mm256_set1_epi16(static_cast<short>(bottom_weight));
  const __m256i two = _mm256_set1_epi16(2);
  for (int c = 0; c < 3; ++c) {
    const __m256 multiply = _mm256_set1_ps(planes.multiply[c]);
    const __m256 add = _mm256_set1_ps(planes.add[c]);
    float* out = planes.out[c];
    int x = 0;
    for (; x + 16 <= count; x += 16) {
      const __m256i sum = _mm256_add_epi16(_mm256_mulhi_epi16(load32(top + c * plane + x), w0),
                                           _mm256_mulhi_epi16(load32(bottom + c * plane + x), w1));
      const __m256i pixels = _mm256_srli_epi16(_mm256_add_epi16(sum, two), 2);
      store_floats(out + x, _mm256_cvtepu16_epi32(_mm256_castsi256_si128(pixels)), multiply, add);
      store_floats(out + x + 8, _mm256_cvtepu16_epi32(_mm256_extracti128_si256(pixels, 1)), multiply, add);
    }
    for (; x < count; ++x) {
      const std::int32_t sum = ((top[c * plane + x] * top_weight) >> 16) + ((bottom[c * plane + x] * bottom_weight) >> 16);
      out[x] = static_cast<float>((sum + 2) >> 2) * planes.multiply[c] + planes.add[c];
    }
  }
}

#include "kernels/split_weights.inl"

void avx2_gather_strip(const std::uint8_t* const* rows, const std::ptrdiff_t* readable, int columns,
                       std::uint32_t* strip) {
  const __m256i planar = both_lanes(_mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1));
  const int quads = safe_quads(readable, columns);
  for (int q = 0; q < quads; ++q) {
    for (int half = 0; half < 2; ++half) {
      __m256i line[4];  // lanes: rows k and 4 + k of this half
      for (int k = 0; k < 4; ++k) {
        const int r = 8 * half + k;
        line[k] = _mm256_shuffle_epi8(join(load16(rows[r] + 12 * q), load16(rows[r + 4] + 12 * q)), planar);
      }
      const __m256i low01 = _mm256_unpacklo_epi32(line[0], line[1]);
      const __m256i low23 = _mm256_unpacklo_epi32(line[2], line[3]);
      const __m256i high01 = _mm256_unpackhi_epi32(line[0], line[1]);
      const __m256i high23 = _mm256_unpackhi_epi32(line[2], line[3]);
      std::uint32_t* out = strip + q * 3 * kStripRows + 8 * half;
      store32(out, _mm256_unpacklo_epi64(low01, low23));
      store32(out + kStripRows, _mm256_unpackhi_epi64(low01, low23));
      store32(out + 2 * kStripRows, _mm256_unpacklo_epi64(high01, high23));
    }
  }
  portable_gather_quads(rows, quads, columns, strip);
}

/**
 * A weight is `high × 2^16 + low` with both halves signed: low for 16-bit multiplies, high within ±64 for 8-bit ones, of
 * which sixteen bits hold the sum of any number of taps, because all weights of an output add up to 2^22.
 * Words: taps 0 and 2 low, taps 1 and 3 low, taps 0…3 high, nothing.
 */
void rounded_encode_quad(const std::int32_t* weights, std::int32_t* words) {
  std::uint32_t low[4];
  std::uint32_t high = 0;
  for (int tap = 0; tap < 4; ++tap) {
    const std::int32_t upper = (weights[tap] + (1 << 15)) >> 16;
    low[tap] = static_cast<std::uint32_t>(weights[tap] - upper * (1 << 16)) & 0xFFFFU;
    high |= (static_cast<std::uint32_t>(upper) & 0xFFU) << (8 * tap);
  }
  words[0] = static_cast<std::int32_t>(low[0] | low[2] << 16);
  words[1] = static_cast<std::int32_t>(low[1] | low[3] << 16);
  words[2] = static_cast<std::int32_t>(high);
  words[3] = 0;
}

struct RoundedWeights {
  __m256i even, odd, high;
  explicit RoundedWeights(const std::int32_t* words)
      : even(_mm256_set1_epi32(words[0])), odd(_mm256_set1_epi32(words[1])), high(_mm256_set1_epi32(words[2])) {}
};

/** Four taps of eight words at a time. */
struct RoundedSums {
  __m256i low = _mm256_set1_epi32(1 << (kAntialiasBits - 1));
  __m256i high = _mm256_setzero_si256();

  void accumulate(const std::uint32_t* from, const RoundedWeights& weights) {
    const __m256i words = load32(from);
    const __m256i even = _mm256_and_si256(words, _mm256_set1_epi16(255));
    low = _mm256_add_epi32(low, _mm256_madd_epi16(even, weights.even));
    low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_srli_epi16(words, 8), weights.odd));
    high = _mm256_add_epi16(high, _mm256_maddubs_epi16(words, weights.high));
  }
  /** Eight pixels of 0…255 in 32 bits each. Exact modulo 2^32, and the true sum fits. */
  [[nodiscard]] __m256i pixels() const {
    const __m256i upper = _mm256_slli_epi32(_mm256_madd_epi16(high, _mm256_set1_epi16(1)), 16);
    const __m256i sum = _mm256_srai_epi32(_mm256_add_epi32(low, upper), kAntialiasBits);
    return _mm256_min_epi32(_mm256_max_epi32(sum, _mm256_setzero_si256()), _mm256_set1_epi32(255));
  }
};

/** 16 pixels in 32 bits each to 16 bytes. */
__m128i pack_bytes(__m256i first, __m256i second) {
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xD8);
  return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

void avx2_convolve_strip(const std::uint32_t* strip, const QuadTaps& taps, int plane,
                         std::uint32_t* const* quad_rows) {
  for (int x = 0; x < taps.count; x += 4) {
    __m128i result[3][4];
    for (int i = 0; i < 4; ++i) {
      const int at = x + i < taps.count ? x + i : taps.count - 1;
      const std::uint32_t* source = strip + (taps.first_quad[at] - taps.strip_begin) * 3 * kStripRows;
      const std::int32_t* words = taps.words + taps.word_offset[at];
      __m256i pixels[2][3];
      // Eight rows after the other: the sums of sixteen would not fit the registers.
      for (int half = 0; half < 2; ++half) {
        RoundedSums sums[3];
        for (int q = 0; q < taps.quad_count[at]; ++q) {
          const RoundedWeights weights(words + q * kWordsPerQuad);
          for (int c = 0; c < 3; ++c) sums[c].accumulate(source + (3 * q + c) * kStripRows + 8 * half, weights);
        }
        for (int c = 0; c < 3; ++c) pixels[half][c] = sums[c].pixels();
      }
      for (int c = 0; c < 3; ++c) result[c][i] = pack_bytes(pixels[0][c], pixels[1][c]);
    }
    for (int c = 0; c < 3; ++c) store_transposed(result[c], quad_rows, c * plane + x);
  }
}

void avx2_convolve_column(const std::uint32_t* const* quad_rows, int quad_count, const std::int32_t* words,
                          int count, int plane, const PlanarOutput& planes) {
  for (int c = 0; c < 3; ++c) {
    const __m256 multiply = _mm256_set1_ps(planes.multiply[c]);
    const __m256 add = _mm256_set1_ps(planes.add[c]);
    for (int x = 0; x < count; x += 16) {
      RoundedSums sums[2];
      for (int q = 0; q < quad_count; ++q) {
        const RoundedWeights weights(words + q * kWordsPerQuad);
        for (int half = 0; half < 2; ++half) sums[half].accumulate(quad_rows[q] + c * plane + x + 8 * half, weights);
      }
      float values[16];
      for (int half = 0; half < 2; ++half) {
        float* out = x + 16 <= count ? planes.out[c] + x : values;
        store_floats(out + 8 * half, sums[half].pixels(), multiply, add);
      }
      if (x + 16 > count) {
        for (int l = 0; l < count - x; ++l) planes.out[c][x + l] = values[l];
      }
    }
  }
}

/** Places of a chunk that no box has taken never overlap, so whole vectors of them are left out. */
bool avx2_any_overlap(const BoxChunk* chunks, std::int32_t head, const BoxQuery& query) {
  const __m256 x1 = _mm256_set1_ps(query.x1);
  const __m256 y1 = _mm256_set1_ps(query.y1);
  const __m256 x2 = _mm256_set1_ps(query.x2);
  const __m256 y2 = _mm256_set1_ps(query.y2);
  const __m256 area = _mm256_set1_ps(query.area);
  const __m256 iou = _mm256_set1_ps(query.iou);
  for (std::int32_t index = head; index >= 0; index = chunks[index].next) {
    const BoxChunk& chunk = chunks[index];
    __m256 found = _mm256_setzero_ps();
    for (int l = 0; l < chunk.used; l += 8) {
      const __m256 left = _mm256_max_ps(_mm256_loadu_ps(chunk.x1 + l), x1);
      const __m256 top = _mm256_max_ps(_mm256_loadu_ps(chunk.y1 + l), y1);
      const __m256 right = _mm256_min_ps(_mm256_loadu_ps(chunk.x2 + l), x2);
      const __m256 bottom = _mm256_min_ps(_mm256_loadu_ps(chunk.y2 + l), y2);
      const __m256 width = _mm256_sub_ps(right, left);
      const __m256 height = _mm256_sub_ps(bottom, top);
      const __m256 intersection = _mm256_mul_ps(width, height);
      const __m256 both = _mm256_sub_ps(_mm256_add_ps(_mm256_loadu_ps(chunk.area + l), area), intersection);
      const __m256 above = _mm256_cmp_ps(intersection, _mm256_mul_ps(iou, both), _CMP_GT_OQ);
      // A negative side means no intersection. Only sign bits are looked at in the end: cheaper than to clamp both sides.
      found = _mm256_or_ps(found, _mm256_andnot_ps(_mm256_or_ps(width, height), above));
    }
    if (_mm256_movemask_ps(found) != 0) return true;
  }
  return false;
}

}  // namespace

namespace hazure::kernels {

const KernelTable kAvx2{
    .name = "avx2",
    .normalise_row = avx2_normalise_row,
    .bilinear_row = avx2_bilinear_row,
    .bilinear_blend = avx2_bilinear_blend,
    .encode_quad = rounded_encode_quad,
    .gather_strip = avx2_gather_strip,
    .convolve_strip = avx2_convolve_strip,
    .convolve_column = avx2_convolve_column,
    .class_max_columns = portable_class_max_columns,
    .class_max_row = portable_class_max_row,
    .any_overlap = avx2_any_overlap,
    .sum_of_squares = portable_sum_of_squares,
    .scale_values = portable_scale_values,
};

}  // namespace hazure::kernels
