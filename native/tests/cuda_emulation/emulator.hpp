#pragma once

#include <cuda_runtime_api.h>

#include <cmath>
#include <functional>

// Runs CUDA kernels on the CPU, so that their logic is tested on machines without a GPU. Blocks run one after
// another; the threads of a block are fibers that give way at barriers and warp exchanges, in an order that
// changes from launch to launch. It shows wrong indices, wrong arithmetic and missing writes, and barriers that
// not all threads reach; it can't show every race, and tells nothing about speed.
namespace emulator {

extern dim3 grid_dim, block_dim, block_idx, thread_idx;

void launch(dim3 grid, dim3 block, const std::function<void()>& thread);
void block_barrier();

/** What each lane of the calling thread's warp brought, once all have brought theirs. */
const std::uint64_t* exchange_in_warp(std::uint64_t mine);
int lane();

}  // namespace emulator

#define __global__
#define __device__
#define __host__
// Blocks run one by one: what is shared within one may be static.
#define __shared__ static
#define gridDim (emulator::grid_dim)
#define blockDim (emulator::block_dim)
#define blockIdx (emulator::block_idx)
#define threadIdx (emulator::thread_idx)

using std::isfinite;
using std::isnan;

inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline void __syncthreads() { emulator::block_barrier(); }

template <typename T>
std::uint64_t emulated_bits(T value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}
template <typename T>
T emulated_value(std::uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <typename T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  return emulated_value<T>(emulator::exchange_in_warp(emulated_bits(value))[emulator::lane() ^ mask]);
}
template <typename T>
T __shfl_down_sync(unsigned, T value, int offset) {
  const int from = emulator::lane() + offset;
  return emulated_value<T>(emulator::exchange_in_warp(emulated_bits(value))[from < 32 ? from : emulator::lane()]);
}
inline int __any_sync(unsigned, int condition) {
  const std::uint64_t* all = emulator::exchange_in_warp(condition != 0 ? 1 : 0);
  for (int l = 0; l < 32; ++l) {
    if (all[l] != 0) return 1;
  }
  return 0;
}

template <typename T>
T atomicAdd(T* to, T value) {
  const T before = *to;
  *to += value;
  return before;
}
template <typename T, typename U>
T atomicOr(T* to, U value) {
  const T before = *to;
  *to |= static_cast<T>(value);
  return before;
}
template <typename T>
T atomicMin(T* to, T value) {
  const T before = *to;
  if (value < before) *to = value;
  return before;
}

inline unsigned __float_as_uint(float value) { return static_cast<unsigned>(emulated_bits(value)); }
inline int __float2int_rn(float value) { return static_cast<int>(std::nearbyintf(value)); }
