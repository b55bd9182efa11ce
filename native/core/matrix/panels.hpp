#pragma once

#include <algorithm>
#include <cstddef>

namespace hazure::matrix {

inline std::size_t panels_of(std::size_t count, std::size_t width) { return (count + width - 1) / width; }

/**
 * Packs `count` ≤ `width` rows of `depth` values into one panel, column by column; missing rows are zeros.
 * value(r, k): of row r in column k.
 */
template <typename T, typename ValueOf>
void pack_panel(std::size_t count, std::size_t depth, std::size_t width, T* panel, ValueOf&& value) {
  for (std::size_t r = 0; r < count; ++r) {
    for (std::size_t k = 0; k < depth; ++k) panel[k * width + r] = value(r, k);
  }
  for (std::size_t r = count; r < width; ++r) {
    for (std::size_t k = 0; k < depth; ++k) panel[k * width + r] = 0;
  }
}

}  // namespace hazure::matrix
