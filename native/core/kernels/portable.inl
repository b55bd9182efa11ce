// The kernels in plain loops that compilers vectorise. Included, inside an anonymous namespace, by one file per
// instruction set level: no std:: calls and no inline functions of headers here (see kernels.hpp).

using namespace hazure::kernels;

std::int32_t clamp_byte(std::int32_t value) { return value < 0 ? 0 : (value > 255 ? 255 : value); }

void portable_normalise_row(const std::uint8_t* row, std::ptrdiff_t, int count, const PlanarOutput& planes) {
  for (int c = 0; c < 3; ++c) {
    float* __restrict out = planes.out[c];
    const float multiply = planes.multiply[c];
    const float add = planes.add[c];
    for (int x = 0; x < count; ++x) out[x] = static_cast<float>(row[3 * x + c]) * multiply + add;
  }
}

void portable_bilinear_pixels(const std::uint8_t* row, const BilinearColumns& columns, int from, std::int16_t* out,
                              int plane) {
  for (int x = from; x < columns.count; ++x) {
    const std::uint8_t* left = row + columns.byte_offset[x];
    const std::int32_t w0 = columns.weights[2 * x];
    const std::int32_t w1 = columns.weights[2 * x + 1];
    for (int c = 0; c < 3; ++c) {
      out[c * plane + x] = static_cast<std::int16_t>((left[c] * w0 + left[c + 3] * w1) >> 4);
    }
  }
}

void portable_bilinear_row(const std::uint8_t* row, std::ptrdiff_t, const BilinearColumns& columns,
                           std::int16_t* out, int plane) {
  portable_bilinear_pixels(row, columns, 0, out, plane);
}

void portable_bilinear_blend(const std::int16_t* top, const std::int16_t* bottom, int top_weight, int bottom_weight,
                             int count, int plane, const PlanarOutput& planes) {
  for (int c = 0; c < 3; ++c) {
    const std::int16_t* __restrict upper = top + c * plane;
    const std::int16_t* __restrict lower = bottom + c * plane;
    float* __restrict out = planes.out[c];
    const float multiply = planes.multiply[c];
    const float add = planes.add[c];
    for (int x = 0; x < count; ++x) {
      const std::int32_t sum = ((upper[x] * top_weight) >> 16) + ((lower[x] * bottom_weight) >> 16);
      out[x] = static_cast<float>((sum + 2) >> 2) * multiply + add;
    }
  }
}

void portable_encode_quad(const std::int32_t* weights, std::int32_t* words) {
  for (int i = 0; i < 4; ++i) words[i] = weights[i];
}

std::uint32_t quad_word(const std::uint8_t* row, int column, int columns, int channel) {
  std::uint32_t word = 0;
  for (int i = 0; i < 4 && column + i < columns; ++i) {
    word |= static_cast<std::uint32_t>(row[3 * (column + i) + channel]) << (8 * i);
  }
  return word;
}

void portable_gather_quads(const std::uint8_t* const* rows, int from_quad, int columns, std::uint32_t* strip) {
  const int quads = (columns + 3) / 4;
  for (int q = from_quad; q < quads; ++q) {
    for (int c = 0; c < 3; ++c) {
      for (int r = 0; r < kStripRows; ++r) {
        strip[(q * 3 + c) * kStripRows + r] = quad_word(rows[r], 4 * q, columns, c);
      }
    }
  }
}

void portable_gather_strip(const std::uint8_t* const* rows, const std::ptrdiff_t*, int columns,
                           std::uint32_t* strip) {
  portable_gather_quads(rows, 0, columns, strip);
}

/** Sums four taps for each of kLanes words into `sums`; exact modulo 2^32, and the true sum fits. */
void accumulate_quad(const std::uint32_t* words, const std::int32_t* weights, std::uint32_t* sums) {
  const std::uint32_t k0 = static_cast<std::uint32_t>(weights[0]);
  const std::uint32_t k1 = static_cast<std::uint32_t>(weights[1]);
  const std::uint32_t k2 = static_cast<std::uint32_t>(weights[2]);
  const std::uint32_t k3 = static_cast<std::uint32_t>(weights[3]);
  for (int l = 0; l < kLanes; ++l) {
    const std::uint32_t word = words[l];
    sums[l] += (word & 255U) * k0 + ((word >> 8) & 255U) * k1 + ((word >> 16) & 255U) * k2 + (word >> 24) * k3;
  }
}

void start_sums(std::uint32_t* sums) {
  for (int l = 0; l < kLanes; ++l) sums[l] = 1U << (kAntialiasBits - 1);
}

std::int32_t finish_sum(std::uint32_t sum) { return clamp_byte(static_cast<std::int32_t>(sum) >> kAntialiasBits); }

void portable_convolve_strip(const std::uint32_t* strip, const QuadTaps& taps, int plane,
                             std::uint32_t* const* quad_rows) {
  for (int x = 0; x < taps.count; ++x) {
    for (int c = 0; c < 3; ++c) {
      std::uint32_t sums[kLanes];
      start_sums(sums);
      const std::int32_t* words = taps.words + taps.word_offset[x];
      for (int q = 0; q < taps.quad_count[x]; ++q) {
        const int quad = taps.first_quad[x] - taps.strip_begin + q;
        accumulate_quad(strip + (quad * 3 + c) * kStripRows, words + q * kWordsPerQuad, sums);
      }
      for (int r = 0; r < kStripRows / 4; ++r) {
        std::uint32_t word = 0;
        for (int i = 0; i < 4; ++i) word |= static_cast<std::uint32_t>(finish_sum(sums[4 * r + i])) << (8 * i);
        quad_rows[r][c * plane + x] = word;
      }
    }
  }
}

void portable_convolve_column(const std::uint32_t* const* quad_rows, int quad_count, const std::int32_t* words,
                              int count, int plane, const PlanarOutput& planes) {
  for (int c = 0; c < 3; ++c) {
    for (int x = 0; x < count; x += kLanes) {
      std::uint32_t sums[kLanes];
      start_sums(sums);
      for (int q = 0; q < quad_count; ++q) {
        accumulate_quad(quad_rows[q] + c * plane + x, words + q * kWordsPerQuad, sums);
      }
      const int lanes = count - x < kLanes ? count - x : kLanes;
      for (int l = 0; l < lanes; ++l) {
        planes.out[c][x + l] = static_cast<float>(finish_sum(sums[l])) * planes.multiply[c] + planes.add[c];
      }
    }
  }
}

bool portable_class_max_columns(const float* scores, std::ptrdiff_t stride, int classes, int count, ClassMax* best) {
  constexpr int kBlock = 64;
  bool any_nan = false;
  for (int start = 0; start < count; start += kBlock) {
    const int lanes = count - start < kBlock ? count - start : kBlock;
    float top[kBlock];
    std::int32_t id[kBlock];
    std::int32_t nan[kBlock];
    for (int l = 0; l < lanes; ++l) {
      const float value = scores[start + l];
      top[l] = value;
      id[l] = 0;
      nan[l] = value != value;
    }
    for (int c = 1; c < classes; ++c) {
      const float* row = scores + c * stride + start;
      for (int l = 0; l < lanes; ++l) {
        const float value = row[l];
        const bool better = value > top[l];
        top[l] = better ? value : top[l];
        id[l] = better ? c : id[l];
        nan[l] |= value != value;
      }
    }
    for (int l = 0; l < lanes; ++l) {
      best[start + l].score = top[l];
      best[start + l].class_id = id[l];
      any_nan |= nan[l] != 0;
    }
  }
  return any_nan;
}

bool portable_class_max_row(const float* scores, int classes, ClassMax* best) {
  float top[kLanes];
  std::int32_t nan[kLanes];
  for (int l = 0; l < kLanes; ++l) {
    top[l] = scores[0];
    nan[l] = 0;
  }
  int c = 0;
  for (; c + kLanes <= classes; c += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const float value = scores[c + l];
      top[l] = value > top[l] ? value : top[l];
      nan[l] |= value != value;
    }
  }
  for (int l = 0; c < classes; ++c, ++l) {
    const float value = scores[c];
    top[l] = value > top[l] ? value : top[l];
    nan[l] |= value != value;
  }
  float highest = top[0];
  std::int32_t any_nan = nan[0];
  for (int l = 1; l < kLanes; ++l) {
    highest = top[l] > highest ? top[l] : highest;
    any_nan |= nan[l];
  }
  best->score = highest;
  best->class_id = 0;
  if (any_nan != 0) return true;
  int id = 0;
  while (scores[id] != highest) ++id;
  best->class_id = id;
  return false;
}

bool portable_any_overlap(const BoxChunk* chunks, std::int32_t head, const BoxQuery& query) {
  for (std::int32_t index = head; index >= 0; index = chunks[index].next) {
    const BoxChunk& chunk = chunks[index];
    std::int32_t found = 0;
    for (int l = 0; l < BoxChunk::kBoxes; ++l) {
      const float left = chunk.x1[l] > query.x1 ? chunk.x1[l] : query.x1;
      const float top = chunk.y1[l] > query.y1 ? chunk.y1[l] : query.y1;
      const float right = chunk.x2[l] < query.x2 ? chunk.x2[l] : query.x2;
      const float bottom = chunk.y2[l] < query.y2 ? chunk.y2[l] : query.y2;
      const float width = right - left > 0.0F ? right - left : 0.0F;
      const float height = bottom - top > 0.0F ? bottom - top : 0.0F;
      const float intersection = width * height;
      const float both = chunk.area[l] + query.area - intersection;
      found |= intersection > query.iou * both;
    }
    if (found != 0) return true;
  }
  return false;
}

double portable_sum_of_squares(const float* values, std::size_t count) {
  double sums[kLanes];
  for (int l = 0; l < kLanes; ++l) sums[l] = 0.0;
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) {
      const double value = values[i + l];
      sums[l] += value * value;
    }
  }
  for (int l = 0; i < count; ++i, ++l) sums[l] += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int l = 0; l < width; ++l) sums[l] += sums[l + width];
  }
  return sums[0];
}

void portable_scale_values(float* values, std::size_t count, double factor) {
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(static_cast<double>(values[i]) * factor);
}
