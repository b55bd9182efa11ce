// Both convolutions over 16 words at once, for any `Sums` with `accumulate(words, Weights)` and `pixels()`.

void avx512_convolve_strip(const std::uint32_t* strip, const QuadTaps& taps, int plane,
                           std::uint32_t* const* quad_rows) {
  for (int x = 0; x < taps.count; x += 4) {
    __m128i result[3][4];
    for (int i = 0; i < 4; ++i) {
      const int at = x + i < taps.count ? x + i : taps.count - 1;
      const std::uint32_t* source = strip + (taps.first_quad[at] - taps.strip_begin) * 3 * kStripRows;
      const std::int32_t* words = taps.words + taps.word_offset[at];
      Sums red, green, blue;
      for (int q = 0; q < taps.quad_count[at]; ++q) {
        const Weights weights(words + q * kWordsPerQuad);
        red.accumulate(load64(source + 3 * q * kStripRows), weights);
        green.accumulate(load64(source + (3 * q + 1) * kStripRows), weights);
        blue.accumulate(load64(source + (3 * q + 2) * kStripRows), weights);
      }
      result[0][i] = _mm512_cvtusepi32_epi8(red.pixels());
      result[1][i] = _mm512_cvtusepi32_epi8(green.pixels());
      result[2][i] = _mm512_cvtusepi32_epi8(blue.pixels());
    }
    for (int c = 0; c < 3; ++c) store_transposed(result[c], quad_rows, c * plane + x);
  }
}

void avx512_convolve_column(const std::uint32_t* const* quad_rows, int quad_count, const std::int32_t* words,
                            int count, int plane, const PlanarOutput& planes) {
  const __m512i brightest = _mm512_set1_epi32(255);
  for (int c = 0; c < 3; ++c) {
    const __m512 multiply = _mm512_set1_ps(planes.multiply[c]);
    const __m512 add = _mm512_set1_ps(planes.add[c]);
    for (int x = 0; x < count; x += 32) {
      // The second half may lie behind the row's end; then it is worked on again and stored nowhere.
      const int second = x + 16 < plane ? x + 16 : x;
      Sums left, right;
      for (int q = 0; q < quad_count; ++q) {
        const Weights weights(words + q * kWordsPerQuad);
        const std::uint32_t* row = quad_rows[q] + c * plane;
        left.accumulate(load64(row + x), weights);
        right.accumulate(load64(row + second), weights);
      }
      store_floats(planes.out[c] + x, _mm512_min_epi32(left.pixels(), brightest), multiply, add, first_lanes(count - x));
      store_floats(planes.out[c] + x + 16, _mm512_min_epi32(right.pixels(), brightest), multiply, add,
                   first_lanes(count - x - 16));
    }
  }
}
