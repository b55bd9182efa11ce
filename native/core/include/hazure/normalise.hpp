#pragma once

#include <cstddef>

#include "hazure/thread_pool.hpp"

namespace hazure {

/**
 * Divides each row by its Euclidean length, in place. Sums in double, in a fixed order: the result does not
 * depend on the thread count or the instruction set. A row of zeros stays as it is.
 *
 * @param rows     `row_count × dimensions` floats, row-major
 * @throws Error(kInput) for null rows or zero dimensions; Error(kModel) for a row with NaN or infinity
 */
void l2_normalise_rows(float* rows, std::size_t row_count, std::size_t dimensions, ThreadPool& pool);

}  // namespace hazure
