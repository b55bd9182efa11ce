#include "detection_kernels.hpp"

#include "launch.cuh"

namespace hazure::cuda {
namespace {

// ---- Selecting candidates ----------------------------------------------------------------------------------------------

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

// ---- Sorting the candidates of one image ---------------------------------------------------------------------------

constexpr int kSortThreads = 1024;
constexpr int kSharedKeys = 4096;

/** Bitonic sort of `size` keys, a power of two, by one block. */
__device__ void bitonic_sort(unsigned long long* keys, int size) {
  for (int length = 2; length <= size; length *= 2) {
    for (int distance = length / 2; distance > 0; distance /= 2) {
      for (int pair = threadIdx.x; pair < size / 2; pair += blockDim.x) {
        const int low = 2 * distance * (pair / distance) + pair % distance;
        const int high = low + distance;
        const bool rising = (low & length) == 0;
        const unsigned long long a = keys[low];
        const unsigned long long b = keys[high];
        if ((a > b) == rising) {
          keys[low] = b;
          keys[high] = a;
        }
      }
      __syncthreads();
    }
  }
}

/** One block per image; few candidates, the usual case, are sorted in shared memory. */
__global__ void sort_candidates(unsigned long long* all_keys, const Counts* counts, int keys_per_image) {
  __shared__ unsigned long long shared[kSharedKeys];
  unsigned long long* keys = all_keys + static_cast<long long>(blockIdx.x) * keys_per_image;
  const int count = static_cast<int>(counts[blockIdx.x].candidates);
  int size = 1;
  while (size < count) size *= 2;
  const bool small = size <= kSharedKeys;
  unsigned long long* work = small ? shared : keys;
  for (int i = threadIdx.x; i < size; i += blockDim.x) work[i] = i < count ? keys[i] : ~0ULL;
  __syncthreads();
  bitonic_sort(work, size);
  if (small) {
    for (int i = threadIdx.x; i < count; i += blockDim.x) keys[i] = shared[i];
  }
}

// ---- Greedy suppression ------------------------------------------------------------------------------------------------

constexpr int kTile = 64;
constexpr int kThreads = 256;
constexpr int kGroups = kThreads / kTile;

/** `intersection > iou × union` in float, as the CPU computes it. */
__device__ bool overlaps(const AnchorBox& a, const AnchorBox& b, float iou) {
  if (a.class_id != b.class_id) return false;
  const auto area = [](const AnchorBox& box) { return fmaxf(box.x2 - box.x1, 0.0F) * fmaxf(box.y2 - box.y1, 0.0F); };
  const float width = fmaxf(fminf(a.x2, b.x2) - fmaxf(a.x1, b.x1), 0.0F);
  const float height = fmaxf(fminf(a.y2, b.y2) - fmaxf(a.y1, b.y1), 0.0F);
  const float intersection = width * height;
  return intersection > iou * (area(a) + area(b) - intersection);
}

__device__ float map_side(float value, double offset, double scale, double side) {
  return static_cast<float>(fmin(fmax((static_cast<double>(value) - offset) / scale, 0.0), side));
}

__device__ Row map_back(const AnchorBox& box, const SourceMap& source) {
  return {map_side(box.x1, source.offset_x, source.scale_x, source.width),
          map_side(box.y1, source.offset_y, source.scale_y, source.height),
          map_side(box.x2, source.offset_x, source.scale_x, source.width),
          map_side(box.y2, source.offset_y, source.scale_y, source.height), box.score,
          static_cast<float>(box.class_id)};
}

/**
 * Walks the sorted candidates in tiles of 64: the whole block holds them against the boxes kept so far and
 * against each other, then one thread settles the tile in order. Exactly the sequential algorithm.
 */
__global__ void suppress_and_map(SuppressArguments a) {
  __shared__ AnchorBox tile[kTile];
  __shared__ unsigned long long earlier[kTile];  // bit i: overlaps candidate i of this tile
  __shared__ int suppressed[kTile];
  __shared__ int kept_count;
  __shared__ int row_count;

  const int image = blockIdx.x;
  const long long first_anchor = static_cast<long long>(image) * a.anchors_per_image;
  AnchorBox* kept = a.kept + static_cast<long long>(image) * a.most_candidates;
  Row* rows = a.rows + static_cast<long long>(image) * a.most_rows;
  const unsigned long long* keys = a.keys + static_cast<long long>(image) * a.keys_per_image;
  const SourceMap source = a.sources[image];
  const int candidates = min(static_cast<int>(a.counts[image].candidates), a.most_candidates);
  if (threadIdx.x == 0) kept_count = row_count = 0;
  __syncthreads();

  for (int start = 0; start < candidates && row_count < a.most_rows; start += kTile) {
    const int size = min(kTile, candidates - start);
    const int mine = threadIdx.x % kTile;
    const int group = threadIdx.x / kTile;
    if (static_cast<int>(threadIdx.x) < size) {
      const unsigned long long key = keys[start + threadIdx.x];
      tile[threadIdx.x] = a.anchors[first_anchor + static_cast<long long>(key & 0xFFFFFFFFULL)];
      earlier[threadIdx.x] = 0;
      suppressed[threadIdx.x] = 0;
    }
    __syncthreads();
    if (a.suppress && mine < size) {
      const AnchorBox box = tile[mine];
      for (int k = group; k < kept_count; k += kGroups) {
        if (suppressed[mine] != 0) break;
        if (overlaps(kept[k], box, a.iou)) suppressed[mine] = 1;
      }
      unsigned long long bits = 0;
      for (int i = group; i < mine; i += kGroups) {
        if (overlaps(tile[i], box, a.iou)) bits |= 1ULL << i;
      }
      if (bits != 0) atomicOr(&earlier[mine], bits);
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      unsigned long long alive = 0;
      for (int i = 0; i < size && row_count < a.most_rows; ++i) {
        if (suppressed[i] != 0 || (earlier[i] & alive) != 0) continue;
        alive |= 1ULL << i;
        kept[kept_count++] = tile[i];
        const Row row = map_back(tile[i], source);
        if (row.x2 > row.x1 && row.y2 > row.y1) rows[row_count++] = row;
      }
    }
    __syncthreads();
  }
  if (threadIdx.x == 0) a.counts[image].rows = static_cast<unsigned>(row_count);
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

void launch_suppress(const SuppressArguments& arguments, int images, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>(images);
  HAZURE_LAUNCH(sort_candidates, blocks, kSortThreads, stream, arguments.keys, arguments.counts, arguments.keys_per_image);
  HAZURE_LAUNCH(suppress_and_map, blocks, kThreads, stream, arguments);
}

}  // namespace hazure::cuda
