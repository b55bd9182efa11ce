#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#if defined(__CUDACC__)
#define HAZURE_BOTH __host__ __device__
#else
#define HAZURE_BOTH
#endif

namespace hazure::cuda {

enum class Sampling : int { kCopy, kBilinear, kAntialias };

/** One region as the kernels see it. */
struct Job {
  const std::uint8_t* pixels;  // first pixel of the rectangle
  long long stride;
  int width, height;
  // As hazure::Layout
  int resized_width, resized_height, crop_x, crop_y, left, top, visible_width, visible_height;
  Sampling sampling;
  /** Antialias: where its weights lie, taps of one output at most, and the source rows that are read. */
  long long column_weights, row_weights;
  int column_taps, row_taps;
  int first_row, row_count;
  /** Antialias: where its horizontally resized rows lie, `[row][visible x][3]` bytes. */
  long long narrowed;
};

/** What is the same for all regions of a batch. */
struct Batch {
  int width, height;  // of the model input
  bool bicubic;
  bool reversed;  // BGR
  float multiply[3], add[3], padding[3];
};

/** Which source pixels an antialiased output reads; the same arithmetic on host and device. */
struct Axis {
  int source, resized;
  bool bicubic;

  HAZURE_BOTH double scale() const { return static_cast<double>(source) / resized; }
  HAZURE_BOTH double stretch() const { return scale() > 1.0 ? scale() : 1.0; }
  HAZURE_BOTH double support() const { return (bicubic ? 2.0 : 1.0) * stretch(); }
  HAZURE_BOTH double centre(int i) const { return (i + 0.5) * scale(); }
  HAZURE_BOTH int begin(int i) const {
    const int first = static_cast<int>(centre(i) - support() + 0.5);
    return first > 0 ? first : 0;
  }
  HAZURE_BOTH int end(int i) const {
    const int last = static_cast<int>(centre(i) + support() + 0.5);
    return last < source ? last : source;
  }
};

/** Fills the weight table of every antialiased job; `widest` of their visible sides. */
void launch_build_weights(const Job* jobs, unsigned count, const Batch& batch, int widest, std::int32_t* table,
                          cudaStream_t stream);
/** Horizontal pass of every antialiased job; `most_rows` of their source rows. */
void launch_narrow_rows(const Job* jobs, unsigned count, int widest, int most_rows, const std::int32_t* table,
                        std::uint8_t* narrowed, cudaStream_t stream);
/** The model input, NCHW, as float or (`half`) as binary16. */
void launch_fill_input(const Job* jobs, unsigned count, const Batch& batch, const std::int32_t* table,
                       const std::uint8_t* narrowed, void* out, bool half, cudaStream_t stream);

}  // namespace hazure::cuda
