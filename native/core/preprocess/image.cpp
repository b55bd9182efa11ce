#include "hazure/image.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "hazure/error.hpp"

namespace hazure {
namespace {

std::string size_text(int width_px, int height_px) {
  return std::to_string(width_px) + "×" + std::to_string(height_px) + " px";
}

void check_image(const ImageView& image) {
  if (image.width_px < 1 || image.height_px < 1 || image.width_px > kMaxSidePx || image.height_px > kMaxSidePx) {
    throw Error(ErrorKind::kInput,
                "an image has sides of 1 to " + std::to_string(kMaxSidePx) + " px, this one is " +
                    size_text(image.width_px, image.height_px),
                "Scale or tile the image before it reaches the engine.");
  }
  if (image.data == nullptr) {
    throw Error(ErrorKind::kInput, "an image of " + size_text(image.width_px, image.height_px) + " came without pixels",
                "Pass 8-bit interleaved RGB, 3 bytes a pixel.");
  }
  if (image.stride() < std::ptrdiff_t{3} * image.width_px) {
    throw Error(ErrorKind::kInput,
                "rows of a " + std::to_string(image.width_px) + " px wide RGB image are at least " +
                    std::to_string(3 * image.width_px) + " bytes apart, here they are " +
                    std::to_string(image.stride()),
                "Pass 8-bit interleaved RGB, 3 bytes a pixel.");
  }
}

std::string box_text(const PixelBox& box) {
  return "(" + std::to_string(box.x1) + ", " + std::to_string(box.y1) + ", " + std::to_string(box.x2) + ", " +
         std::to_string(box.y2) + ")";
}

}  // namespace

PixelRect region_rect(const Region& region) {
  const ImageView& image = region.image;
  check_image(image);
  if (!region.box) return {0, 0, image.width_px, image.height_px};

  const PixelBox& box = *region.box;
  if (!std::isfinite(box.x1) || !std::isfinite(box.y1) || !std::isfinite(box.x2) || !std::isfinite(box.y2)) {
    throw Error(ErrorKind::kInput, "a box needs four finite corners, came " + box_text(box),
                "Drop boxes with NaN or infinity before cropping.");
  }
  if (box.x2 <= box.x1 || box.y2 <= box.y1) {
    throw Error(ErrorKind::kInput, "a box needs x1 < x2 and y1 < y2, came " + box_text(box),
                "Order the corners, or drop empty boxes.");
  }
  const auto clip = [](double value, int side) { return static_cast<int>(std::clamp(value, 0.0, double(side))); };
  const PixelRect rect{clip(std::floor(box.x1), image.width_px), clip(std::floor(box.y1), image.height_px),
                       clip(std::ceil(box.x2), image.width_px), clip(std::ceil(box.y2), image.height_px)};
  if (rect.width() < 1 || rect.height() < 1) {
    throw Error(ErrorKind::kInput,
                "the box " + box_text(box) + " covers no pixel of an image of " +
                    size_text(image.width_px, image.height_px),
                "Check that box and image belong together.");
  }
  return rect;
}

}  // namespace hazure
