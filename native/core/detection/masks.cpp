// Instance masks from prototypes: weighed, sampled bilinearly at the source image's own pixels, cut at 0.
#include <algorithm>
#include <cmath>
#include <vector>

#include "detection/decode_heads.hpp"

namespace hazure {
namespace {

/** Pixels left…right − 1 × top…bottom − 1. */
struct Window {
  int left, top, right, bottom;
  [[nodiscard]] int width() const { return right - left; }
  [[nodiscard]] int height() const { return bottom - top; }
};

/** Which two prototype cells a source pixel lies between, and how far towards the second. */
struct Tap {
  int low;
  int high;
  float share;
};

/** One axis: source pixel centres first…last − 1 to cells; outside, the nearest cell counts. */
std::vector<Tap> taps_of(int first, int last, double scale, double offset, int input_px, int cells) {
  std::vector<Tap> taps;
  taps.reserve(static_cast<std::size_t>(last - first));
  for (int pixel = first; pixel < last; ++pixel) {
    const double model = (pixel + 0.5) * scale + offset;
    const double at = std::clamp(model * cells / input_px - 0.5, 0.0, cells - 1.0);
    const int low = static_cast<int>(at);
    taps.push_back({low, std::min(low + 1, cells - 1), static_cast<float>(at - low)});
  }
  return taps;
}

/** The weighed sum of the prototypes over a window of cells, row by row. */
void weigh(const BoundMasks& masks, std::size_t image, std::int64_t anchor, const Window& cells,
           std::vector<float>& sum) {
  sum.assign(static_cast<std::size_t>(cells.width()) * static_cast<std::size_t>(cells.height()), 0.0F);
  const float* weights = masks.weights.at(image, anchor);
  const std::ptrdiff_t plane = std::ptrdiff_t{masks.width} * masks.height;
  const float* prototypes = masks.prototypes + static_cast<std::ptrdiff_t>(image) * masks.coefficients * plane;
  for (int k = 0; k < masks.coefficients; ++k) {
    const float weight = weights[k * masks.weights.column_pitch];
    for (int y = 0; y < cells.height(); ++y) {
      const float* from = prototypes + k * plane + std::ptrdiff_t{cells.top + y} * masks.width + cells.left;
      float* to = sum.data() + std::ptrdiff_t{y} * cells.width();
      for (int x = 0; x < cells.width(); ++x) to[x] += weight * from[x];
    }
  }
}

/** Run lengths, column by column. */
class Runs {
 public:
  void add(bool inside, std::uint32_t count) {
    if (count == 0) return;
    if (inside != inside_) {
      runs_.push_back(length_);
      length_ = 0;
      inside_ = inside;
    }
    length_ += count;
  }
  std::vector<std::uint32_t> finish() {
    runs_.push_back(length_);
    return std::move(runs_);
  }

 private:
  std::vector<std::uint32_t> runs_;
  std::uint32_t length_ = 0;
  bool inside_ = false;
};

}  // namespace

InstanceMask instance_mask(const BoundHead& bound, std::size_t image, std::int64_t anchor, const Detection& box,
                           const DetectionSource& source) {
  const BoundMasks& masks = bound.masks;
  const auto limit = [](float value, int side) { return std::clamp(static_cast<int>(value), 0, side); };
  const Window pixels{limit(std::floor(box.x1), source.width_px), limit(std::floor(box.y1), source.height_px),
                      limit(std::ceil(box.x2), source.width_px), limit(std::ceil(box.y2), source.height_px)};
  const Placement& p = source.placement;
  const auto across = taps_of(pixels.left, pixels.right, p.scale_x, p.offset_x, bound.input_width_px, masks.width);
  const auto down = taps_of(pixels.top, pixels.bottom, p.scale_y, p.offset_y, bound.input_height_px, masks.height);
  Runs runs;
  if (across.empty() || down.empty()) {
    runs.add(false, static_cast<std::uint32_t>(source.width_px) * static_cast<std::uint32_t>(source.height_px));
    return {runs.finish()};
  }
  const Window cells{across.front().low, down.front().low, across.back().high + 1, down.back().high + 1};
  thread_local std::vector<float> sum;
  weigh(masks, image, anchor, cells, sum);

  const auto height = static_cast<std::uint32_t>(source.height_px);
  runs.add(false, static_cast<std::uint32_t>(pixels.left) * height);
  for (const Tap& x : across) {
    const float* low = sum.data() + (x.low - cells.left);
    const float* high = sum.data() + (x.high - cells.left);
    runs.add(false, static_cast<std::uint32_t>(pixels.top));
    for (const Tap& y : down) {
      const std::ptrdiff_t above = std::ptrdiff_t{y.low - cells.top} * cells.width();
      const std::ptrdiff_t below = std::ptrdiff_t{y.high - cells.top} * cells.width();
      const float top = low[above] + (high[above] - low[above]) * x.share;
      const float bottom = low[below] + (high[below] - low[below]) * x.share;
      runs.add(top + (bottom - top) * y.share > 0.0F, 1);
    }
    runs.add(false, height - static_cast<std::uint32_t>(pixels.bottom));
  }
  runs.add(false, static_cast<std::uint32_t>(source.width_px - pixels.right) * height);
  return {runs.finish()};
}

}  // namespace hazure
