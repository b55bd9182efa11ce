// AVX-512 (F, BW, VL, DQ) versions of the row kernels; the convolutions differ with and without VNNI.

__m128i load16(const void* from) { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }
__m512i load64(const void* from) { return _mm512_loadu_si512(from); }

__m128i load_pairs(const std::uint8_t* row, const std::int32_t* offset, int a, int b) {
  const __m128i low = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + offset[a]));
  return _mm_castps_si128(_mm_loadh_pi(_mm_castsi128_ps(low), reinterpret_cast<const __m64*>(row + offset[b])));
}

__m512i join(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(c), d, 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
__m512i all_lanes(__m128i value) { return _mm512_broadcast_i32x4(value); }

void store_floats(float* out, __m512i integers, __m512 multiply, __m512 add, __mmask16 mask) {
  const __m512 values = _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(integers), multiply), add);
  _mm512_mask_storeu_ps(out, mask, values);
}

/** The first `count` of 16 lanes. */
__mmask16 first_lanes(int count) {
  return count >= 16 ? static_cast<__mmask16>(0xFFFF) : static_cast<__mmask16>(count <= 0 ? 0 : (1U << count) - 1);
}

void avx512_normalise_row(const std::uint8_t* row, std::ptrdiff_t readable, int count, const PlanarOutput& planes) {
  const __m512i planar = all_lanes(_mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1));
  const __m512i by_channel = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  int x = 0;
  for (; x + 16 <= count && 3 * x + 52 <= readable; x += 16) {
    const std::uint8_t* from = row + 3 * x;
    const __m512i pixels = join(load16(from), load16(from + 12), load16(from + 24), load16(from + 36));
    const __m512i sorted = _mm512_permutexvar_epi32(by_channel, _mm512_shuffle_epi8(pixels, planar));
    const __m128i bytes[3] = {_mm512_castsi512_si128(sorted), _mm512_extracti32x4_epi32(sorted, 1),
                              _mm512_extracti32x4_epi32(sorted, 2)};
    for (int c = 0; c < 3; ++c) {
      store_floats(planes.out[c] + x, _mm512_cvtepu8_epi32(bytes[c]), _mm512_set1_ps(planes.multiply[c]),
                   _mm512_set1_ps(planes.add[c]), first_lanes(16));
    }
  }
  PlanarOutput rest = planes;
  for (float*& out : rest.out) out += x;
  portable_normalise_row(row + 3 * x, 0, count - x, rest);
}

void bilinear_sixteen(const std::uint8_t* row, const BilinearColumns& columns, int x, std::int16_t* out, int plane) {
  const __m512i red_green = all_lanes(_mm_setr_epi8(0, -1, 3, -1, 8, -1, 11, -1, 1, -1, 4, -1, 9, -1, 12, -1));
  const __m512i blue = all_lanes(_mm_setr_epi8(2, -1, 5, -1, 10, -1, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  const std::int32_t* offset = columns.byte_offset + x;
  const __m512i first = join(load_pairs(row, offset, 0, 1), load_pairs(row, offset, 4, 5),
                             load_pairs(row, offset, 8, 9), load_pairs(row, offset, 12, 13));
  const __m512i second = join(load_pairs(row, offset, 2, 3), load_pairs(row, offset, 6, 7),
                              load_pairs(row, offset, 10, 11), load_pairs(row, offset, 14, 15));
  const __m512i weights = load64(columns.weights + 2 * x);
  const __m512i rg0 = _mm512_shuffle_epi8(first, red_green);
  const __m512i rg1 = _mm512_shuffle_epi8(second, red_green);
  const __m512i channels[3] = {
      _mm512_unpacklo_epi64(rg0, rg1), _mm512_unpackhi_epi64(rg0, rg1),
      _mm512_unpacklo_epi64(_mm512_shuffle_epi8(first, blue), _mm512_shuffle_epi8(second, blue))};
  for (int c = 0; c < 3; ++c) {
    const __m512i sums = _mm512_srli_epi32(_mm512_madd_epi16(channels[c], weights), 4);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + c * plane + x), _mm512_cvtepi32_epi16(sums));
  }
}

void avx512_bilinear_row(const std::uint8_t* row, std::ptrdiff_t readable, const BilinearColumns& columns,
                         std::int16_t* out, int plane) {
  int safe = columns.count;
  while (safe > 0 && columns.byte_offset[safe - 1] + 8 > readable) --safe;
  int x = 0;
  for (; x + 16 <= safe; x += 16) bilinear_sixteen(row, columns, x, out, plane);
  if (x < safe && safe >= 16) {
    bilinear_sixteen(row, columns, safe - 16, out, plane);
    x = safe;
  }
  portable_bilinear_pixels(row, columns, x, out, plane);
}

void avx512_bilinear_blend(const std::int16_t* top, const std::int16_t* bottom, int top_weight, int bottom_weight,
                           int count, int plane, const PlanarOutput& planes) {
  const __m512i w0 = _mm512_set1_epi16(static_cast<short>(top_weight));
  const __m512i w1 = _mm512_set1_epi16(static_cast<short>(bottom_weight));
  const __m512i two = _mm512_set1_epi16(2);
  for (int c = 0; c < 3; ++c) {
    const __m512 multiply = _mm512_set1_ps(planes.multiply[c]);
    const __m512 add = _mm512_set1_ps(planes.add[c]);
    float* out = planes.out[c];
    for (int x = 0; x < count; x += 32) {
      const __m512i sum = _mm512_add_epi16(_mm512_mulhi_epi16(load64(top + c * plane + x), w0),
                                           _mm512_mulhi_epi16(load64(bottom + c * plane + x), w1));
      const __m512i pixels = _mm512_srli_epi16(_mm512_add_epi16(sum, two), 2);
      store_floats(out + x, _mm512_cvtepu16_epi32(_mm512_castsi512_si256(pixels)), multiply, add, first_lanes(count - x));
      store_floats(out + x + 16, _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(pixels, 1)), multiply, add,
                   first_lanes(count - x - 16));
    }
  }
}

void avx512_gather_strip(const std::uint8_t* const* rows, const std::ptrdiff_t* readable, int columns,
                         std::uint32_t* strip) {
  const __m512i planar = all_lanes(_mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1));
  const int quads = safe_quads(readable, columns);
  for (int q = 0; q < quads; ++q) {
    __m512i line[4];  // lanes: rows k, 4 + k, 8 + k, 12 + k
    for (int k = 0; k < 4; ++k) {
      line[k] = _mm512_shuffle_epi8(join(load16(rows[k] + 12 * q), load16(rows[k + 4] + 12 * q),
                                         load16(rows[k + 8] + 12 * q), load16(rows[k + 12] + 12 * q)),
                                    planar);
    }
    const __m512i low01 = _mm512_unpacklo_epi32(line[0], line[1]);
    const __m512i low23 = _mm512_unpacklo_epi32(line[2], line[3]);
    const __m512i high01 = _mm512_unpackhi_epi32(line[0], line[1]);
    const __m512i high23 = _mm512_unpackhi_epi32(line[2], line[3]);
    std::uint32_t* out = strip + q * 3 * kStripRows;
    _mm512_storeu_si512(out, _mm512_unpacklo_epi64(low01, low23));
    _mm512_storeu_si512(out + kStripRows, _mm512_unpackhi_epi64(low01, low23));
    _mm512_storeu_si512(out + 2 * kStripRows, _mm512_unpacklo_epi64(high01, high23));
  }
  portable_gather_quads(rows, quads, columns, strip);
}
