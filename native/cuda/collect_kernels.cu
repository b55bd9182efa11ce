#include "detection_kernels.hpp"

#include "launch.cuh"

namespace hazure::cuda {
namespace {

/** Rising order of these is falling confidence, then rising anchor. Scores are 0 or more here. */
__device__ unsigned long long candidate_key(float score, int anchor) {
  return (static_cast<unsigned long long>(~__float_as_uint(score)) << 32) | static_cast<unsigned>(anchor);
}

struct Best {
  float score;
  int class_id;
};

__device__ void accept(const CollectArguments& a, int image, int anchor, Best best, float left, float top, float right,
                       float bottom) {
  if (!isfinite(left) || !isfinite(top) || !isfinite(right) || !isfinite(bottom)) atomicOr(a.faults, kNonFiniteBox);
  a.anchors[static_cast<long long>(image) * a.head.anchors + anchor] = {left, top, right, bottom, best.score, best.class_id};
  const unsigned place = atomicAdd(&a.counts[image].candidates, 1U);
  a.keys[static_cast<long long>(image) * a.keys_per_image + place] = candidate_key(best.score, anchor);
}

__device__ void accept_centred(const CollectArguments& a, int image, int anchor, Best best, float cx, float cy,
                               float width, float height) {
  const float half_width = width * 0.5F;
  const float half_height = height * 0.5F;
  accept(a, image, anchor, best, cx - half_width, cy - half_height, cx + half_width, cy + half_height);
}

__device__ bool wants(const CollectArguments& a, Best best) {
  return best.score > a.confidence && (a.wanted == nullptr || a.wanted[best.class_id] != 0);
}

/** `[N, 4 + classes, anchors]`: one thread per anchor, neighbours read neighbours; grid (anchors, images). */
__global__ void collect_columns(CollectArguments a) {
  const int anchor = blockIdx.x * blockDim.x + threadIdx.x;
  const int image = blockIdx.y;
  const int anchors = a.head.anchors;
  if (anchor >= anchors) return;
  const float* box = a.head.level[0].boxes + static_cast<long long>(image) * (4 + a.head.classes) * anchors + anchor;
  const float* scores = box + 4LL * anchors;
  Best best{scores[0], 0};
  bool nan = isnan(best.score);
  for (int c = 1; c < a.head.classes; ++c) {
    const float value = scores[static_cast<long long>(c) * anchors];
    nan |= isnan(value);
    if (value > best.score) best = {value, c};
  }
  if (nan) atomicOr(a.faults, kNanScore);
  if (nan || !wants(a, best)) return;
  if (best.score > a.highest_score) atomicOr(a.faults, kScoreAboveOne);
  accept_centred(a, image, anchor, best, box[0], box[anchors], box[2LL * anchors], box[3LL * anchors]);
}

/** Best of neighbouring scores over a warp, the first class wins ties; all lanes get it. */
__device__ Best warp_best(const float* scores, int classes, unsigned* faults) {
  const int lane = threadIdx.x % 32;
  Best best{-INFINITY, classes};
  bool nan = false;
  for (int c = lane; c < classes; c += 32) {
    const float value = scores[c];
    nan |= isnan(value);
    if (value > best.score || best.class_id == classes) best = {value, c};
  }
  if (__any_sync(0xFFFFFFFFU, nan)) {
    if (lane == 0) atomicOr(faults, kNanScore);
    return {-INFINITY, 0};
  }
  for (int offset = 16; offset > 0; offset /= 2) {
    const float score = __shfl_xor_sync(0xFFFFFFFFU, best.score, offset);
    const int class_id = __shfl_xor_sync(0xFFFFFFFFU, best.class_id, offset);
    if (score > best.score || (score == best.score && class_id < best.class_id)) best = {score, class_id};
  }
  return best;
}

/** Expectation of a softmax over bins. */
__device__ float expected_bin(const float* logits, int bins) {
  float highest = logits[0];
  for (int i = 1; i < bins; ++i) highest = fmaxf(highest, logits[i]);
  float total = 0;
  float weighted = 0;
  for (int i = 0; i < bins; ++i) {
    const float weight = expf(logits[i] - highest);
    total += weight;
    weighted += weight * static_cast<float>(i);
  }
  return weighted / total;
}

/** Heads whose classes lie side by side: one warp per anchor; grid (anchors, images). */
__global__ void collect_rows(CollectArguments a) {
  const HeadView& head = a.head;
  const int anchor = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  const int image = blockIdx.y;
  const bool first_lane = threadIdx.x % 32 == 0;
  if (anchor >= head.anchors) return;

  int l = 0;
  int cell = anchor;
  while (cell >= head.level[l].anchors) cell -= head.level[l++].anchors;
  const HeadView::Level& level = head.level[l];

  if (head.kind == Kind::kYolov5 || head.kind == Kind::kYolox) {
    const float* row = level.boxes + (static_cast<long long>(image) * head.anchors + anchor) * (5 + head.classes);
    const float objectness = row[4];
    if (isnan(objectness)) {
      if (first_lane) atomicOr(a.faults, kNanScore);
      return;
    }
    if (!(objectness * a.highest_score > a.confidence)) return;
    Best best = warp_best(row + 5, head.classes, a.faults);
    if (!first_lane) return;
    if (objectness > a.highest_score || best.score > a.highest_score) atomicOr(a.faults, kScoreAboveOne);
    best.score = objectness * best.score;
    if (!wants(a, best)) return;
    if (head.kind == Kind::kYolov5) {
      accept_centred(a, image, anchor, best, row[0], row[1], row[2], row[3]);
    } else {
      const auto stride = static_cast<float>(level.stride);
      accept_centred(a, image, anchor, best, (row[0] + static_cast<float>(cell % level.columns)) * stride,
                     (row[1] + static_cast<float>(cell / level.columns)) * stride, expf(row[2]) * stride,
                     expf(row[3]) * stride);
    }
    return;
  }

  const long long place = static_cast<long long>(image) * level.anchors + cell;
  Best best = warp_best(level.scores + place * head.classes, head.classes, a.faults);
  if (!first_lane) return;
  if (head.kind == Kind::kDetr) {
    best.score = static_cast<float>(1.0 / (1.0 + exp(-static_cast<double>(best.score))));
    if (!wants(a, best)) return;
    const float* box = level.boxes + place * 4;
    accept_centred(a, image, anchor, best, box[0] * head.input_width, box[1] * head.input_height,
                   box[2] * head.input_width, box[3] * head.input_height);
    return;
  }
  if (!wants(a, best)) return;
  if (best.score > a.highest_score) atomicOr(a.faults, kScoreAboveOne);
  const auto stride = static_cast<float>(level.stride);
  const float* side = level.boxes + place * 4 * head.bins;
  const float x = (static_cast<float>(cell % level.columns) + 0.5F) * stride;
  const float y = (static_cast<float>(cell / level.columns) + 0.5F) * stride;
  accept(a, image, anchor, best, x - expected_bin(side, head.bins) * stride,
         y - expected_bin(side + head.bins, head.bins) * stride,
         x + expected_bin(side + 2 * head.bins, head.bins) * stride,
         y + expected_bin(side + 3 * head.bins, head.bins) * stride);
}

}  // namespace

void launch_collect(const CollectArguments& arguments, int images, cudaStream_t stream) {
  const auto anchors = static_cast<unsigned>(arguments.head.anchors);
  constexpr unsigned kBlock = 128;
  const auto depth = static_cast<unsigned>(images);
  if (arguments.head.kind == Kind::kYolov8) {
    HAZURE_LAUNCH(collect_columns, dim3((anchors + kBlock - 1) / kBlock, depth), kBlock, stream, arguments);
  } else {
    constexpr unsigned kWarpsPerBlock = kBlock / 32;
    HAZURE_LAUNCH(collect_rows, dim3((anchors + kWarpsPerBlock - 1) / kWarpsPerBlock, depth), kBlock, stream, arguments);
  }
}

}  // namespace hazure::cuda
