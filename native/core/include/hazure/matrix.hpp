#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "hazure/thread_pool.hpp"

namespace hazure {

/**
 * Matrix work of the algorithm rooms: nearest rows, linear maps of rows, moment sums. The port is MatrixAccelerator
 * (libs/contracts/src/accelerator.ts), its WebAssembly twin libs/numerics/src/accelerator.
 *
 * Every sum runs over its terms in order with one rounding a step (a fused multiply-add), so that results do not
 * depend on the number of threads, nor on whether AVX2 or AVX-512 is at hand. The portable kernels, for processors
 * without AVX2, round twice a step and differ within rounding.
 * Values must be finite; nobody looks.
 */

/** rows × cols float32, row-major. */
struct RowsView {
  const float* data;
  std::size_t rows;
  std::size_t cols;
};

/** | field | shape | range | */
struct NearestRequest {
  RowsView queries;    // m × d, m ≥ 0, d ≥ 1
  RowsView reference;  // n × d, n ≥ 0
  std::size_t kept;    // ≥ 1
  const float* weights;         // n values > 0 that multiply the squared distances to each row, or null = 1
  const std::int32_t* part_of;  // n parts, or null; then m = n, and rows of a query's own part do not count
};

/**
 * Indices of the reference rows nearest to each query by weighted squared Euclidean distance, nearest first, ties to
 * the lower index, −1 where there are too few. Products in float32.
 * Memory: two blocks of packed rows (4096 × d) and m × kept similarities.
 * @param indices m × kept
 */
void nearest_rows(const NearestRequest& request, std::int32_t* indices, ThreadPool& pool);

struct TransformRequest {
  RowsView rows;         // m × d
  const double* origin;  // d
  const double* factor;  // rank × d, row-major
  std::size_t rank;      // ≥ 0
  bool triangular;       // row j of the factor is zero beyond column j
};

/** (rows − origin)·factorᵀ, m × rank, in float64. Memory: the packed factor. */
void transform_rows(const TransformRequest& request, double* result, ThreadPool& pool);

/** Sums over y = x − origin. */
struct MomentSums {
  double* first;   // Σ y, d
  double* second;  // Σ y yᵀ, d × d
  double* third;   // Σ ‖y‖² y, d
  double fourth;   // Σ ‖y‖⁴
};

/** Rows summed before they are added to the rest; fixes the order of additions. As in numerics. */
inline constexpr std::size_t kMomentBlockRows = 4096;

/** Overwrites `sums`. Memory: per thread d × d float64 and 128 packed rows twice. */
void moment_sums(const RowsView& rows, const double* origin, MomentSums& sums, ThreadPool& pool);

/** `generic`, `avx2` or `avx512`: whose kernels run. */
std::string_view matrix_isa();

/** For tests: takes another set that this machine can run; false when it cannot. */
bool force_matrix_isa(std::string_view name);

}  // namespace hazure
