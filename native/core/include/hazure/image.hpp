#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace hazure {

/** Longest side of an image or model input the engine accepts; keeps every index below 2^31. */
inline constexpr int kMaxSidePx = 65'500;

/**
 * 8-bit interleaved RGB, HWC, not owned. Rows are `row_stride_bytes` apart (at least 3 × width; 0 means
 * exactly that), so a view can be a window into a larger image. The pixels must not change during a call.
 */
struct ImageView {
  const std::uint8_t* data = nullptr;
  int width_px = 0;
  int height_px = 0;
  std::ptrdiff_t row_stride_bytes = 0;

  [[nodiscard]] std::ptrdiff_t stride() const noexcept {
    return row_stride_bytes != 0 ? row_stride_bytes : std::ptrdiff_t{3} * width_px;
  }
};

/** Corners in pixels of the source image, x2 and y2 exclusive; may be fractional. */
struct PixelBox {
  double x1 = 0;
  double y1 = 0;
  double x2 = 0;
  double y2 = 0;
};

/** A part of an image; no box means all of it. */
struct Region {
  ImageView image;
  std::optional<PixelBox> box;
};

/** Whole pixels, x2 and y2 exclusive, inside the image and not empty. */
struct PixelRect {
  int x1 = 0;
  int y1 = 0;
  int x2 = 0;
  int y2 = 0;

  [[nodiscard]] int width() const noexcept { return x2 - x1; }
  [[nodiscard]] int height() const noexcept { return y2 - y1; }
  friend bool operator==(const PixelRect&, const PixelRect&) = default;
};

/**
 * The pixels a region covers: its box rounded outwards to whole pixels and clipped to the image.
 * @throws Error(kInput) for a null, empty, oversized or badly strided image, a box with a non-finite or
 *         reversed corner, and a box that covers no pixel of the image.
 */
PixelRect region_rect(const Region& region);

}  // namespace hazure
