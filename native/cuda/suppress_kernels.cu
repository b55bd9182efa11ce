#include "detection_kernels.hpp"

#include "launch.cuh"

namespace hazure::cuda {
namespace {

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

void launch_suppress(const SuppressArguments& arguments, int images, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>(images);
  HAZURE_LAUNCH(sort_candidates, blocks, kSortThreads, stream, arguments.keys, arguments.counts, arguments.keys_per_image);
  HAZURE_LAUNCH(suppress_and_map, blocks, kThreads, stream, arguments);
}

}  // namespace hazure::cuda
