// What the x86 files share: weights split in two for 16-bit multiplies, and the last step of a strip.

/** A 22-bit weight is `high × 2^12 + low`, low 0…4095, so that both halves fit 16 bits. */
constexpr int kSplitBits = 12;

/** Words: taps 0 and 2 low, taps 0 and 2 high, taps 1 and 3 low, taps 1 and 3 high. */
[[maybe_unused]] void split_encode_quad(const std::int32_t* weights, std::int32_t* words) {
  for (int first = 0; first < 2; ++first) {
    const std::uint32_t a = static_cast<std::uint32_t>(weights[first]);
    const std::uint32_t b = static_cast<std::uint32_t>(weights[first + 2]);
    const std::uint32_t a_high = static_cast<std::uint32_t>(weights[first] >> kSplitBits);
    const std::uint32_t b_high = static_cast<std::uint32_t>(weights[first + 2] >> kSplitBits);
    constexpr std::uint32_t kLow = (1U << kSplitBits) - 1;
    words[2 * first] = static_cast<std::int32_t>((a & kLow) | (b & kLow) << 16);
    words[2 * first + 1] = static_cast<std::int32_t>((a_high & 0xFFFFU) | b_high << 16);
  }
}

/** Quads whose 16-byte load stays readable in every row. */
int safe_quads(const std::ptrdiff_t* readable, int columns) {
  std::ptrdiff_t least = readable[0];
  for (int r = 1; r < kStripRows; ++r) least = readable[r] < least ? readable[r] : least;
  const int quads = (columns + 3) / 4;
  const std::ptrdiff_t safe = least < 16 ? 0 : (least - 16) / 12 + 1;
  return safe < quads ? static_cast<int>(safe) : quads;
}

/** `columns[i]` holds 16 rows of output pixel i; writes four neighbouring pixels to each of the four row groups. */
void store_transposed(const __m128i* columns, std::uint32_t* const* quad_rows, int at) {
  const __m128i low01 = _mm_unpacklo_epi32(columns[0], columns[1]);
  const __m128i low23 = _mm_unpacklo_epi32(columns[2], columns[3]);
  const __m128i high01 = _mm_unpackhi_epi32(columns[0], columns[1]);
  const __m128i high23 = _mm_unpackhi_epi32(columns[2], columns[3]);
  const __m128i rows[4] = {_mm_unpacklo_epi64(low01, low23), _mm_unpackhi_epi64(low01, low23),
                           _mm_unpacklo_epi64(high01, high23), _mm_unpackhi_epi64(high01, high23)};
  for (int r = 0; r < 4; ++r) _mm_storeu_si128(reinterpret_cast<__m128i*>(quad_rows[r] + at), rows[r]);
}
