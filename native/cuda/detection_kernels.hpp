#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace hazure::cuda {

/** In the order of hazure::HeadSpec's alternatives. */
enum class Kind : int { kYolov8, kYolov5, kYolox, kNanodet, kDetr };

constexpr int kMaxLevels = 8;

/** A bound head as the kernels see it; passed by value. */
struct HeadView {
  struct Level {
    const float* scores;
    const float* boxes;
    int anchors;
    int stride;
    int columns;
  };
  Kind kind;
  int classes;
  int levels;
  int anchors;  // of one image, over all levels
  int bins;
  float input_width, input_height;
  Level level[kMaxLevels];
};

/** A model-input box of one anchor above the threshold. */
struct AnchorBox {
  float x1, y1, x2, y2;
  float score;
  std::int32_t class_id;
};

/** What a kernel found wrong, several bits at once. */
enum Fault : unsigned { kNanScore = 1, kScoreAboveOne = 2, kNonFiniteBox = 4 };

/** Per image: how many candidates there are, and after suppression how many rows. */
struct Counts {
  unsigned candidates;
  unsigned rows;
};

/** Where and how the boxes of one image go back to source pixels. */
struct SourceMap {
  double scale_x, scale_y, offset_x, offset_y;
  double width, height;
};

/** One output row, as hazure::Detection. */
struct Row {
  float x1, y1, x2, y2, confidence, class_id;
};

struct CollectArguments {
  HeadView head;
  float confidence;
  float highest_score;         // above it a score is no sigmoid value
  const std::uint8_t* wanted;  // by class, or null for all
  AnchorBox* anchors;          // [image][anchors]
  unsigned long long* keys;    // [image][keys_per_image], the first `candidates` get written
  int keys_per_image;
  Counts* counts;
  unsigned* faults;
};

/** Best class, threshold, class filter and box of every anchor. */
void launch_collect(const CollectArguments& arguments, int images, cudaStream_t stream);

struct SuppressArguments {
  const AnchorBox* anchors;
  unsigned long long* keys;
  Counts* counts;
  const SourceMap* sources;
  AnchorBox* kept;  // [image][most_candidates]
  Row* rows;        // [image][most_rows]
  int anchors_per_image;
  int keys_per_image;  // a power of two, at least the anchors
  int most_candidates;
  int most_rows;
  float iou;
  bool suppress;
};

/** Sorts the candidates, most confident first, ties in anchor order; then NMS, mapping back and clipping. */
void launch_suppress(const SuppressArguments& arguments, int images, cudaStream_t stream);

}  // namespace hazure::cuda
