#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace hazure::cuda {

/**
 * Divides each row by its length; rows of zeros stay. `bad_row` becomes the lowest row whose sum of squares is no
 * finite number. At most 2^31 − 1 rows.
 */
void launch_normalise_rows(float* rows, unsigned row_count, std::size_t dimensions, unsigned long long* bad_row,
                           cudaStream_t stream);

}  // namespace hazure::cuda
