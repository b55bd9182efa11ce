#include "hazure/normalise.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "hazure/error.hpp"
#include "kernels/kernels.hpp"

namespace hazure {

void l2_normalise_rows(float* rows, std::size_t row_count, std::size_t dimensions, ThreadPool& pool) {
  if (row_count == 0) return;
  if (rows == nullptr || dimensions == 0) {
    throw Error(ErrorKind::kInput, "normalising needs rows of at least one number",
                "Pass row_count × dimensions floats.");
  }
  constexpr std::size_t kFloatsPerTask = std::size_t{1} << 16;
  const std::size_t rows_per_task = std::max<std::size_t>(1, kFloatsPerTask / dimensions);
  const std::size_t tasks = (row_count + rows_per_task - 1) / rows_per_task;
  pool.parallel_for(tasks, [&](std::size_t task) {
    const kernels::KernelTable& kernel = kernels::active();
    const std::size_t end = std::min(row_count, (task + 1) * rows_per_task);
    for (std::size_t row = task * rows_per_task; row < end; ++row) {
      float* values = rows + row * dimensions;
      const double squares = kernel.sum_of_squares(values, dimensions);
      if (!std::isfinite(squares)) {
        throw Error(ErrorKind::kModel, "embedding row " + std::to_string(row) + " holds NaN or infinity",
                    "Run the model in fp32, and check that its preprocessing is the one it was trained with.");
      }
      if (squares > 0.0) kernel.scale_values(values, dimensions, 1.0 / std::sqrt(squares));
    }
  });
}

}  // namespace hazure
