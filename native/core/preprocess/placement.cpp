#include "preprocess/placement.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "hazure/error.hpp"

namespace hazure {
namespace {

[[noreturn]] void refuse(const std::string& message, const char* hint) {
  throw Error(ErrorKind::kInput, message, hint);
}

/** Python's round(): halves to the even neighbour, the default rounding mode of the FPU. */
int round_half_even(double value) { return static_cast<int>(std::nearbyint(value)); }

/** round(free ÷ 2 − 0.1), ultralytics' LetterBox: an odd pixel goes to the right and the bottom. */
int leading_padding(int free_px) { return round_half_even(free_px / 2.0 - 0.1); }

/** torchvision's CenterCrop: round((size − crop) ÷ 2). */
int leading_crop(int size_px, int crop_px) { return round_half_even((size_px - crop_px) / 2.0); }

int clamp_side(double value, int longest) { return std::clamp(static_cast<int>(value), 1, longest); }

}  // namespace

void check_spec(const PreprocessSpec& spec) {
  const auto side_ok = [](int side) { return side >= 1 && side <= kMaxSidePx; };
  if (!side_ok(spec.width_px) || !side_ok(spec.height_px)) {
    refuse("a model input has sides of 1 to " + std::to_string(kMaxSidePx) + " px, the spec says " +
               std::to_string(spec.width_px) + "×" + std::to_string(spec.height_px),
           "Correct widthPx and heightPx.");
  }
  if (!std::isfinite(spec.scale)) refuse("scale must be finite", "Use 1/255 for inputs of 0 to 1, or 1.");
  for (int c = 0; c < 3; ++c) {
    if (!std::isfinite(spec.mean[c])) refuse("mean must be three finite numbers", "Correct the preprocessing spec.");
    if (!std::isfinite(spec.std[c]) || spec.std[c] == 0.0F) {
      refuse("std must be three finite numbers other than 0", "Use 1 where the model wants no division.");
    }
  }
  if (!(spec.pad_value >= 0.0F && spec.pad_value <= 255.0F)) {
    refuse("padValue is a pixel value of 0 to 255, came " + std::to_string(spec.pad_value),
           "Give it before scale, mean and std.");
  }
  if (spec.fit == FitMode::kCentreCrop && spec.resize_shortest_px != 0) {
    const int longest = std::max(spec.width_px, spec.height_px);
    if (spec.resize_shortest_px < longest || spec.resize_shortest_px > kMaxSidePx) {
      refuse("resizeShortestPx must be " + std::to_string(longest) + " to " + std::to_string(kMaxSidePx) +
                 " for this crop, came " + std::to_string(spec.resize_shortest_px),
             "A centre crop can't be larger than the resized image.");
    }
  }
}

Layout layout_of(int width_px, int height_px, const PreprocessSpec& spec) {
  Layout layout;
  const int out_width = spec.width_px;
  const int out_height = spec.height_px;
  const double ratio = std::min(double(out_width) / width_px, double(out_height) / height_px);
  switch (spec.fit) {
    case FitMode::kLetterboxCentre:
      layout.resized_width = clamp_side(std::nearbyint(width_px * ratio), out_width);
      layout.resized_height = clamp_side(std::nearbyint(height_px * ratio), out_height);
      layout.left = leading_padding(out_width - layout.resized_width);
      layout.top = leading_padding(out_height - layout.resized_height);
      break;
    case FitMode::kLetterboxTopLeft:
      layout.resized_width = clamp_side(width_px * ratio, out_width);
      layout.resized_height = clamp_side(height_px * ratio, out_height);
      break;
    case FitMode::kStretch:
      layout.resized_width = out_width;
      layout.resized_height = out_height;
      break;
    case FitMode::kCentreCrop: {
      const std::int64_t shortest =
          spec.resize_shortest_px != 0 ? spec.resize_shortest_px : std::max(out_width, out_height);
      const auto longer = [&](int longest, int shorter) { return static_cast<double>(shortest * longest) / shorter; };
      constexpr double kLimit = 1 << 30;
      const bool landscape = width_px > height_px;
      const double long_side = std::trunc(landscape ? longer(width_px, height_px) : longer(height_px, width_px));
      if (long_side > kLimit) {
        refuse("an image of " + std::to_string(width_px) + "×" + std::to_string(height_px) +
                   " px is too narrow to resize its shortest side to " + std::to_string(shortest),
               "Drop such regions, or use another fit.");
      }
      layout.resized_width = static_cast<int>(landscape ? long_side : double(shortest));
      layout.resized_height = static_cast<int>(landscape ? double(shortest) : long_side);
      layout.crop_x = leading_crop(layout.resized_width, out_width);
      layout.crop_y = leading_crop(layout.resized_height, out_height);
      layout.visible_width = out_width;
      layout.visible_height = out_height;
      return layout;
    }
  }
  layout.visible_width = layout.resized_width;
  layout.visible_height = layout.resized_height;
  return layout;
}

Affine normalisation_of(const PreprocessSpec& spec, int channel) {
  const double std = spec.std[channel];
  return {static_cast<float>(spec.scale / std), static_cast<float>(-double(spec.mean[channel]) / std)};
}

Placement placement_from(const Layout& layout, const PixelRect& rect) {
  Placement placement;
  placement.scale_x = double(layout.resized_width) / rect.width();
  placement.scale_y = double(layout.resized_height) / rect.height();
  placement.offset_x = layout.left - layout.crop_x - rect.x1 * placement.scale_x;
  placement.offset_y = layout.top - layout.crop_y - rect.y1 * placement.scale_y;
  return placement;
}

std::size_t preprocessed_floats(const PreprocessSpec& spec) {
  check_spec(spec);
  return std::size_t{3} * static_cast<std::size_t>(spec.width_px) * static_cast<std::size_t>(spec.height_px);
}

Placement placement_of(const PixelRect& rect, const PreprocessSpec& spec) {
  check_spec(spec);
  if (rect.width() < 1 || rect.height() < 1 || rect.width() > kMaxSidePx || rect.height() > kMaxSidePx) {
    refuse("a placement needs a rectangle that is not empty", "Use region_rect() to round and clip a box.");
  }
  return placement_from(layout_of(rect.width(), rect.height(), spec), rect);
}

}  // namespace hazure
