#include "normalise_kernels.hpp"

#include "launch.cuh"

namespace hazure::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

__device__ double warp_sum(double value) {
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_down_sync(0xFFFFFFFFU, value, offset);
  return value;
}

/** One block per row. */
__global__ void normalise_rows(float* rows, std::size_t dimensions, unsigned long long* bad_row) {
  __shared__ double partial[kWarps];
  float* row = rows + static_cast<std::size_t>(blockIdx.x) * dimensions;
  double sum = 0.0;
  for (std::size_t i = threadIdx.x; i < dimensions; i += kThreads) {
    const double value = row[i];
    sum += value * value;
  }
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
  __syncthreads();
  double squares = 0.0;
  for (int w = 0; w < kWarps; ++w) squares += partial[w];
  if (!isfinite(squares)) {
    if (threadIdx.x == 0) atomicMin(bad_row, static_cast<unsigned long long>(blockIdx.x));
    return;
  }
  if (squares == 0.0) return;
  const double factor = 1.0 / sqrt(squares);
  for (std::size_t i = threadIdx.x; i < dimensions; i += kThreads) {
    row[i] = static_cast<float>(static_cast<double>(row[i]) * factor);
  }
}

}  // namespace

void launch_normalise_rows(float* rows, unsigned row_count, std::size_t dimensions, unsigned long long* bad_row,
                           cudaStream_t stream) {
  HAZURE_LAUNCH(normalise_rows, row_count, kThreads, stream, rows, dimensions, bad_row);
}

}  // namespace hazure::cuda
