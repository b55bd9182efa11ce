#include "preprocess/resample_tables.hpp"

#include <algorithm>
#include <cmath>

namespace hazure {
namespace {

std::int16_t fixed_weight(float weight) {
  return static_cast<std::int16_t>(std::nearbyint(weight * float(1 << kernels::kBilinearBits)));
}

/** Keys' cubic with a = −0.5, Pillow's BICUBIC. */
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double triangle(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

std::int32_t fixed_antialias(double weight) {
  const double scaled = weight * double(1 << kernels::kAntialiasBits);
  return static_cast<std::int32_t>(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

}  // namespace

void BilinearTable::build(Axis axis, int source_size, int resized_size, int from, int count) {
  const Key key{axis, source_size, resized_size, from, count};
  if (built_ == key) return;
  built_.reset();
  const auto size = static_cast<std::size_t>(count);
  first_.resize(size);
  second_.resize(size);
  byte_offset_.resize(size);
  weights_.resize(2 * size);
  // Twice inverted, as cv::resize does: the last bit of the quotient decides borderline weights.
  const double scale = 1.0 / (double(resized_size) / source_size);
  const int last = source_size - 1;
  for (int i = 0; i < count; ++i) {
    auto position = static_cast<float>((from + i + 0.5) * scale - 0.5);
    int pixel = static_cast<int>(std::floor(position));
    position -= static_cast<float>(pixel);
    if (axis == Axis::kColumns) {
      if (pixel < 0) pixel = 0, position = 0;
      if (pixel >= last) pixel = last, position = 0;
    }
    std::int16_t w0 = fixed_weight(1.0F - position);
    std::int16_t w1 = fixed_weight(position);
    if (axis == Axis::kColumns && pixel == last && last > 0) {
      // The last pixel as the right one of a pair: reads stay inside the row.
      --pixel;
      std::swap(w0, w1);
    }
    const auto at = static_cast<std::size_t>(i);
    first_[at] = std::clamp(pixel, 0, last);
    second_[at] = std::clamp(pixel + 1, 0, last);
    byte_offset_[at] = 3 * first_[at];
    weights_[2 * at] = w0;
    weights_[2 * at + 1] = w1;
  }
  built_ = key;
}

void AntialiasTable::build(Interpolation interpolation, int source_size, int resized_size, int from, int count,
                           const kernels::KernelTable& kernel) {
  const Key key{interpolation, source_size, resized_size, from, count, &kernel};
  if (built_ == key) return;
  built_.reset();
  const bool bicubic = interpolation == Interpolation::kBicubicAntialias;
  const double scale = double(source_size) / resized_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = (bicubic ? 2.0 : 1.0) * filter_scale;
  const double inverse = 1.0 / filter_scale;

  const auto size = static_cast<std::size_t>(count);
  first_quad_.resize(size);
  quad_count_.resize(size);
  word_offset_.resize(size);
  words_.clear();
  taps_.resize(static_cast<std::size_t>(std::ceil(support)) * 2 + 1);
  quads_begin_ = (source_size + 3) / 4;
  quads_end_ = 0;
  longest_ = 0;

  for (int i = 0; i < count; ++i) {
    const double centre = (from + i + 0.5) * scale;
    const int begin = std::max(static_cast<int>(centre - support + 0.5), 0);
    const int end = std::min(static_cast<int>(centre + support + 0.5), source_size);
    double total = 0.0;
    for (int x = begin; x < end; ++x) {
      const double distance = (x - centre + 0.5) * inverse;
      const double weight = bicubic ? cubic(distance) : triangle(distance);
      taps_[static_cast<std::size_t>(x - begin)] = weight;
      total += weight;
    }
    const int first_quad = begin / 4;
    const int last_quad = std::max((end + 3) / 4, first_quad + 1);
    const auto at = static_cast<std::size_t>(i);
    first_quad_[at] = first_quad;
    quad_count_[at] = last_quad - first_quad;
    word_offset_[at] = static_cast<std::int32_t>(words_.size());
    fixed_.assign(static_cast<std::size_t>(4 * (last_quad - first_quad)), 0);
    for (int x = begin; x < end; ++x) {
      const double weight = taps_[static_cast<std::size_t>(x - begin)];
      fixed_[static_cast<std::size_t>(x - 4 * first_quad)] = fixed_antialias(total != 0.0 ? weight / total : weight);
    }
    words_.resize(words_.size() + static_cast<std::size_t>(kernels::kWordsPerQuad * (last_quad - first_quad)));
    std::int32_t* words = words_.data() + word_offset_[at];
    for (int q = 0; q < last_quad - first_quad; ++q) {
      kernel.encode_quad(fixed_.data() + 4 * q, words + kernels::kWordsPerQuad * q);
    }
    quads_begin_ = std::min(quads_begin_, first_quad);
    quads_end_ = std::max(quads_end_, last_quad);
    longest_ = std::max(longest_, last_quad - first_quad);
  }
  built_ = key;
}

}  // namespace hazure
