#include <algorithm>
#include <cstring>

#include "hazure/jpeg.hpp"

namespace hazure {
namespace {

/** Pixels a side of the tiles that a transposition goes by: both tiles stay in the first cache. */
constexpr int kTile = 32;

void put(const std::uint8_t* from, std::uint8_t* to) {
  to[0] = from[0];
  to[1] = from[1];
  to[2] = from[2];
}

/** Rows stay rows: mirrored, upside down, or both. */
void reorder_rows(const std::uint8_t* from, int width, int height, bool mirror, bool upside_down, std::uint8_t* to) {
  const std::size_t stride = std::size_t{3} * static_cast<std::size_t>(width);
  for (int y = 0; y < height; ++y) {
    const std::uint8_t* source = from + static_cast<std::size_t>(upside_down ? height - 1 - y : y) * stride;
    std::uint8_t* target = to + static_cast<std::size_t>(y) * stride;
    if (!mirror) {
      std::memcpy(target, source, stride);
      continue;
    }
    for (int x = 0; x < width; ++x) put(source + std::ptrdiff_t{3} * (width - 1 - x), target + std::ptrdiff_t{3} * x);
  }
}

/** Rows become columns: target (x, y) is source (y, x), with either source axis reversed. */
void transpose(const std::uint8_t* from, int width, int height, bool reverse_x, bool reverse_y, std::uint8_t* to) {
  for (int top = 0; top < width; top += kTile) {
    for (int left = 0; left < height; left += kTile) {
      for (int y = top; y < std::min(top + kTile, width); ++y) {
        const int source_x = reverse_x ? width - 1 - y : y;
        for (int x = left; x < std::min(left + kTile, height); ++x) {
          const int source_y = reverse_y ? height - 1 - x : x;
          put(from + 3 * (std::ptrdiff_t{source_y} * width + source_x), to + 3 * (std::ptrdiff_t{y} * height + x));
        }
      }
    }
  }
}

}  // namespace

void orient_pixels(const std::uint8_t* from, int width_px, int height_px, int orientation, std::uint8_t* to) {
  switch (orientation) {
    case 2:
      return reorder_rows(from, width_px, height_px, true, false, to);
    case 3:
      return reorder_rows(from, width_px, height_px, true, true, to);
    case 4:
      return reorder_rows(from, width_px, height_px, false, true, to);
    case 5:
      return transpose(from, width_px, height_px, false, false, to);
    case 6:
      return transpose(from, width_px, height_px, false, true, to);
    case 7:
      return transpose(from, width_px, height_px, true, true, to);
    case 8:
      return transpose(from, width_px, height_px, true, false, to);
    default:
      return reorder_rows(from, width_px, height_px, false, false, to);
  }
}

}  // namespace hazure
