#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace hazure {

/**
 * The orientation in the first directory of an EXIF block (the bytes behind `Exif\0\0`), 1 where it has none.
 *
 * @return nothing where the block leaves it in doubt: broken offsets, an unusual type or value, more than one
 */
std::optional<int> exif_orientation(std::span<const std::uint8_t> tiff);

}  // namespace hazure
