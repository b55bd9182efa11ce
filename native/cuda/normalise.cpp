#include "hazure/cuda/normalise.hpp"

#include <algorithm>

#include "normalise_kernels.hpp"
#include "workspace_memory.hpp"

namespace hazure::cuda {

void l2_normalise_rows(float* device_rows, std::size_t row_count, std::size_t dimensions, Workspace& workspace,
                       Stream stream) {
  if (row_count == 0) return;
  if (device_rows == nullptr || dimensions == 0) {
    throw Error(ErrorKind::kInput, "normalising needs rows of at least one number",
                "Pass row_count × dimensions floats.");
  }
  Workspace::Memory& memory = workspace.memory();
  memory.use();
  const cudaStream_t on = native(stream);
  auto* bad_row = memory.counts.reserve<unsigned long long>(1);
  constexpr std::size_t kRowsPerLaunch = std::size_t{1} << 30;
  for (std::size_t first = 0; first < row_count; first += kRowsPerLaunch) {
    const auto blocks = static_cast<unsigned>(std::min(kRowsPerLaunch, row_count - first));
    check(cudaMemsetAsync(bad_row, 0xFF, sizeof *bad_row, on), "normalising rows");
    launch_normalise_rows(device_rows + first * dimensions, blocks, dimensions, bad_row, on);
    check_launch("normalising rows");
    unsigned long long found = 0;
    check(cudaMemcpyAsync(&found, bad_row, sizeof found, cudaMemcpyDeviceToHost, on), "normalising rows");
    check(cudaStreamSynchronize(on), "normalising rows");
    if (found != ~0ULL) {
      throw ItemError(ErrorKind::kModel, "embedding row " + std::to_string(first + found) + " holds NaN or infinity",
                      "Run the model in fp32, and check that its preprocessing is the one it was trained with.",
                      {first + static_cast<std::size_t>(found)});
    }
  }
}

}  // namespace hazure::cuda
