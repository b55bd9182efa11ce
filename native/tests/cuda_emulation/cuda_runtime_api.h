#pragma once

// The part of the CUDA runtime that the engine uses, over host memory, for the emulated tests. Asynchronous calls
// are done when they return. No toolkit needed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };
using cudaStream_t = struct EmulatedStream*;
using cudaEvent_t = struct EmulatedEvent*;
inline constexpr unsigned cudaEventDisableTiming = 2;

struct cudaDeviceProp {
  char name[256];
  int major, minor;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned vx = 1, unsigned vy = 1, unsigned vz = 1) : x(vx), y(vy), z(vz) {}
};

/** What the tests set and read about the device. */
struct EmulatedDevice {
  /** The n-th allocation from now on fails, device or pinned memory; 0 = none does. */
  int failing_allocation = 0;
  /** Allocations since the last reset. */
  int allocations = 0;
  /** Blocks that are not freed. */
  int live_blocks = 0;
  /** Copied to the device since the last reset. */
  std::size_t uploaded_bytes = 0;
  std::size_t free_bytes = 3'000'000'000;
  std::size_t total_bytes = 4'000'000'000;
  int driver_version = 13'000;
  /** What cudaGetDeviceCount answers. */
  cudaError_t count_status = cudaSuccess;

  void reset() { *this = {.live_blocks = live_blocks}; }
};
inline EmulatedDevice emulated_device;

inline cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  if (++emulated_device.allocations == emulated_device.failing_allocation) return cudaErrorMemoryAllocation;
  ++emulated_device.live_blocks;
  // Rubbish, as on a device: a kernel that reads what nobody wrote must not find zeros.
  *memory = std::malloc(bytes);
  std::memset(*memory, 0xA5, bytes);
  return cudaSuccess;
}
template <typename T>
cudaError_t cudaMalloc(T** memory, std::size_t bytes) {
  return cudaMalloc(reinterpret_cast<void**>(memory), bytes);
}
inline cudaError_t cudaFree(void* memory) {
  if (memory != nullptr) --emulated_device.live_blocks;
  std::free(memory);
  return cudaSuccess;
}
inline cudaError_t cudaMallocHost(void** memory, std::size_t bytes) { return cudaMalloc(memory, bytes); }
inline cudaError_t cudaFreeHost(void* memory) { return cudaFree(memory); }
inline cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (kind == cudaMemcpyHostToDevice) emulated_device.uploaded_bytes += bytes;
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t) {
  return cudaMemcpy(to, from, bytes, kind);
}
inline cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t) {
  std::memset(memory, value, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  static char anything;
  *event = reinterpret_cast<cudaEvent_t>(&anything);
  return cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
inline cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
inline constexpr unsigned cudaStreamNonBlocking = 1;
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { return *stream = nullptr, cudaSuccess; }
inline cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline const char* cudaGetErrorName(cudaError_t) { return "emulated"; }
inline const char* cudaGetErrorString(cudaError_t) { return "emulated"; }
inline cudaError_t cudaGetDevice(int* id) { return *id = 0, cudaSuccess; }
inline cudaError_t cudaSetDevice(int) { return cudaSuccess; }
inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = emulated_device.count_status == cudaSuccess ? 1 : 0;
  return emulated_device.count_status;
}
inline cudaError_t cudaDriverGetVersion(int* version) {
  return *version = emulated_device.driver_version, cudaSuccess;
}
inline cudaError_t cudaRuntimeGetVersion(int* version) { return *version = 13'000, cudaSuccess; }
inline cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  *free_bytes = emulated_device.free_bytes;
  *total_bytes = emulated_device.total_bytes;
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {"emulated device", 0, 0};
  return cudaSuccess;
}
