#pragma once

#include <cstddef>

#include "hazure/cuda/workspace.hpp"

namespace hazure::cuda {

/**
 * Device twin of hazure::l2_normalise_rows, in place; sums in double, within one unit in the last place of the
 * CPU's result. Waits for `stream`, because a row with NaN or infinity is an error.
 */
void l2_normalise_rows(float* device_rows, std::size_t row_count, std::size_t dimensions, Workspace& workspace,
                       Stream stream);

}  // namespace hazure::cuda
