#pragma once

#include <cstddef>
#include <cstdint>

namespace hazure {

/** IEEE 754 binary16 → binary32, exact; NaN stays NaN. */
void half_to_float(const std::uint16_t* half, float* out, std::size_t count);

/** binary32 → binary16, round to nearest even; too large becomes infinity; NaN stays NaN. */
void float_to_half(const float* values, std::uint16_t* out, std::size_t count);

}  // namespace hazure
