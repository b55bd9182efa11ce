#include "preprocess_kernels.hpp"

#include <cuda_fp16.h>

#include "launch.cuh"

namespace hazure::cuda {
namespace {

constexpr int kAntialiasBits = 22;

__device__ double filter(bool bicubic, double x) {
  x = fabs(x);
  if (!bicubic) return x < 1.0 ? 1.0 - x : 0.0;
  constexpr double a = -0.5;
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// ---- Antialias weights: `[output][1 + taps]`: first source pixel, then 22-bit weights --------------------------

/** One thread per output pixel of an axis; grid (outputs, 2 axes, jobs). */
__global__ void build_weights(const Job* jobs, Batch batch, std::int32_t* table) {
  const Job& job = jobs[blockIdx.z];
  if (job.sampling != Sampling::kAntialias) return;
  const bool columns = blockIdx.y == 0;
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= (columns ? job.visible_width : job.visible_height)) return;
  const Axis axis = columns ? Axis{job.width, job.resized_width, batch.bicubic}
                            : Axis{job.height, job.resized_height, batch.bicubic};
  const int output = i + (columns ? job.crop_x : job.crop_y);
  const int taps = columns ? job.column_taps : job.row_taps;
  std::int32_t* entry = table + (columns ? job.column_weights : job.row_weights) + static_cast<long long>(i) * (taps + 1);

  const int begin = axis.begin(output);
  const int end = axis.end(output);
  const double centre = axis.centre(output);
  const double inverse = 1.0 / axis.stretch();
  double total = 0.0;
  for (int x = begin; x < end; ++x) total += filter(batch.bicubic, (x - centre + 0.5) * inverse);
  entry[0] = begin;
  for (int t = 0; t < taps; ++t) {
    const int x = begin + t;
    double weight = x < end ? filter(batch.bicubic, (x - centre + 0.5) * inverse) : 0.0;
    if (total != 0.0) weight /= total;
    const double scaled = weight * static_cast<double>(1 << kAntialiasBits);
    entry[1 + t] = static_cast<std::int32_t>(weight < 0 ? scaled - 0.5 : scaled + 0.5);
  }
}

__device__ int to_byte(int sum) {
  const int value = sum >> kAntialiasBits;
  return value < 0 ? 0 : (value > 255 ? 255 : value);
}

/** Horizontal pass; one thread per pixel of a narrowed row; grid (x, rows, jobs). */
__global__ void narrow_rows(const Job* jobs, const std::int32_t* table, std::uint8_t* narrowed) {
  const Job& job = jobs[blockIdx.z];
  if (job.sampling != Sampling::kAntialias) return;
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  if (x >= job.visible_width) return;
  const std::int32_t* entry = table + job.column_weights + static_cast<long long>(x) * (job.column_taps + 1);
  const int begin = entry[0];
  const int taps = min(job.column_taps, job.width - begin);
  for (int row = blockIdx.y * blockDim.y + threadIdx.y; row < job.row_count; row += gridDim.y * blockDim.y) {
    const std::uint8_t* from = job.pixels + (job.first_row + row) * job.stride + 3LL * begin;
    int sum[3] = {1 << (kAntialiasBits - 1), 1 << (kAntialiasBits - 1), 1 << (kAntialiasBits - 1)};
    for (int t = 0; t < taps; ++t) {
      const int weight = entry[1 + t];
      for (int c = 0; c < 3; ++c) sum[c] += from[3 * t + c] * weight;
    }
    std::uint8_t* to = narrowed + job.narrowed + (static_cast<long long>(row) * job.visible_width + x) * 3;
    for (int c = 0; c < 3; ++c) to[c] = static_cast<std::uint8_t>(to_byte(sum[c]));
  }
}

// ---- Sampling one output pixel ------------------------------------------------------------------------------------

/** cv::resize INTER_LINEAR's two taps of one axis. */
struct Taps {
  int first, second, w0, w1;
};

__device__ Taps bilinear_taps(int source, int resized, int i, bool drop_outer_tap) {
  const double scale = 1.0 / (static_cast<double>(resized) / source);
  float position = static_cast<float>((i + 0.5) * scale - 0.5);
  int pixel = static_cast<int>(floorf(position));
  position -= static_cast<float>(pixel);
  const int last = source - 1;
  if (drop_outer_tap) {
    if (pixel < 0) pixel = 0, position = 0;
    if (pixel >= last) pixel = last, position = 0;
  }
  return {min(max(pixel, 0), last), min(max(pixel + 1, 0), last), __float2int_rn((1.0F - position) * 2048.0F),
          __float2int_rn(position * 2048.0F)};
}

__device__ void sample_bilinear(const Job& job, int x, int y, int* pixel) {
  const Taps column = bilinear_taps(job.width, job.resized_width, x, true);
  const Taps row = bilinear_taps(job.height, job.resized_height, y, false);
  const std::uint8_t* upper = job.pixels + row.first * job.stride;
  const std::uint8_t* lower = job.pixels + row.second * job.stride;
  for (int c = 0; c < 3; ++c) {
    const int top = (upper[3LL * column.first + c] * column.w0 + upper[3LL * column.second + c] * column.w1) >> 4;
    const int bottom = (lower[3LL * column.first + c] * column.w0 + lower[3LL * column.second + c] * column.w1) >> 4;
    pixel[c] = (((row.w0 * top) >> 16) + ((row.w1 * bottom) >> 16) + 2) >> 2;
  }
}

__device__ void sample_narrowed(const Job& job, const std::int32_t* table, const std::uint8_t* narrowed, int x, int y,
                                int* pixel) {
  const std::int32_t* entry = table + job.row_weights + static_cast<long long>(y) * (job.row_taps + 1);
  const int begin = entry[0];
  const int taps = min(job.row_taps, job.height - begin);
  const long long row_bytes = 3LL * job.visible_width;
  const std::uint8_t* from = narrowed + job.narrowed + (begin - job.first_row) * row_bytes + 3LL * x;
  int sum[3] = {1 << (kAntialiasBits - 1), 1 << (kAntialiasBits - 1), 1 << (kAntialiasBits - 1)};
  for (int t = 0; t < taps; ++t) {
    const int weight = entry[1 + t];
    // Behind the last row that any output reads, weights are zero and rows are not there.
    if (begin + t >= job.first_row + job.row_count) break;
    for (int c = 0; c < 3; ++c) sum[c] += from[t * row_bytes + c] * weight;
  }
  for (int c = 0; c < 3; ++c) pixel[c] = to_byte(sum[c]);
}

__device__ void store(float* to, float value) { *to = value; }
__device__ void store(__half* to, float value) { *to = __float2half_rn(value); }

/** One thread per pixel of the model input; grid (x, y, jobs). */
template <typename Value>
__global__ void fill_input(const Job* jobs, Batch batch, const std::int32_t* table, const std::uint8_t* narrowed,
                           Value* out) {
  const Job& job = jobs[blockIdx.z];
  const int x = blockIdx.x * blockDim.x + threadIdx.x;
  if (x >= batch.width) return;
  const long long plane = static_cast<long long>(batch.width) * batch.height;
  for (int y = blockIdx.y * blockDim.y + threadIdx.y; y < batch.height; y += gridDim.y * blockDim.y) {
    Value* image = out + static_cast<long long>(blockIdx.z) * 3 * plane + static_cast<long long>(y) * batch.width + x;
    const int px = x - job.left;
    const int py = y - job.top;
    const bool inside = px >= 0 && py >= 0 && px < job.visible_width && py < job.visible_height;
    int pixel[3] = {0, 0, 0};
    if (inside) {
      if (job.sampling == Sampling::kCopy) {
        const std::uint8_t* from = job.pixels + (py + job.crop_y) * job.stride + 3LL * (px + job.crop_x);
        for (int c = 0; c < 3; ++c) pixel[c] = from[c];
      } else if (job.sampling == Sampling::kBilinear) {
        sample_bilinear(job, px + job.crop_x, py + job.crop_y, pixel);
      } else {
        sample_narrowed(job, table, narrowed, px, py, pixel);
      }
    }
    for (int c = 0; c < 3; ++c) {
      const int source = batch.reversed ? 2 - c : c;
      const float value = inside ? static_cast<float>(pixel[source]) * batch.multiply[c] + batch.add[c] : batch.padding[c];
      store(image + c * plane, value);
    }
  }
}

unsigned blocks(int items, int per_block) { return static_cast<unsigned>((items + per_block - 1) / per_block); }

/** Kernels loop over what a grid this high leaves. */
unsigned blocks_y(int rows) {
  constexpr unsigned kMost = 65'535;
  const unsigned wanted = blocks(rows, 8);
  return wanted < kMost ? wanted : kMost;
}

}  // namespace

void launch_build_weights(const Job* jobs, unsigned count, const Batch& batch, int widest, std::int32_t* table,
                          cudaStream_t stream) {
  HAZURE_LAUNCH(build_weights, dim3(blocks(widest, 128), 2, count), 128, stream, jobs, batch, table);
}

void launch_narrow_rows(const Job* jobs, unsigned count, int widest, int most_rows, const std::int32_t* table,
                        std::uint8_t* narrowed, cudaStream_t stream) {
  HAZURE_LAUNCH(narrow_rows, dim3(blocks(widest, 32), blocks_y(most_rows), count), dim3(32, 8), stream, jobs, table, narrowed);
}

void launch_fill_input(const Job* jobs, unsigned count, const Batch& batch, const std::int32_t* table,
                       const std::uint8_t* narrowed, void* out, bool half, cudaStream_t stream) {
  const dim3 grid(blocks(batch.width, 32), blocks_y(batch.height), count);
  const dim3 block(32, 8);
  if (half) {
    HAZURE_LAUNCH(fill_input, grid, block, stream, jobs, batch, table, narrowed, static_cast<__half*>(out));
  } else {
    HAZURE_LAUNCH(fill_input, grid, block, stream, jobs, batch, table, narrowed, static_cast<float*>(out));
  }
}

}  // namespace hazure::cuda
