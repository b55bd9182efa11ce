#pragma once

// The part of the CUDA runtime that the engine uses, over host memory, for the emulated tests. What is asked of a
// stream is done when the call returns, or kept while the stream captures. No toolkit needed. Names, numbers and
// layouts are NVIDIA's, so that ONNX Runtime's provider can be given the same runtime (provider/).
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorNotSupported = 801,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
enum cudaStreamCaptureMode {
  cudaStreamCaptureModeGlobal = 0,
  cudaStreamCaptureModeThreadLocal = 1,
  cudaStreamCaptureModeRelaxed = 2
};
using cudaStream_t = struct EmulatedStream*;
using cudaEvent_t = struct EmulatedEvent*;
using cudaGraph_t = struct EmulatedGraph*;
using cudaGraphExec_t = struct EmulatedGraph*;
inline constexpr unsigned cudaEventDisableTiming = 2;
inline constexpr unsigned cudaStreamNonBlocking = 1;

/** CUDA 13's layout; what nobody here reads has no name. */
struct cudaDeviceProp {
  char name[256];
  char unnamed1[32];
  std::size_t totalGlobalMem, sharedMemPerBlock;
  int regsPerBlock, warpSize;
  std::size_t memPitch;
  int maxThreadsPerBlock, maxThreadsDim[3], maxGridSize[3];
  std::size_t totalConstMem;
  int major, minor;
  char unnamed2[16];
  int multiProcessorCount;
  char unnamed3[208];
  int l2CacheSize, persistingL2CacheMaxSize, maxThreadsPerMultiProcessor;
  char unnamed4[400];
};
static_assert(offsetof(cudaDeviceProp, major) == 360 && offsetof(cudaDeviceProp, multiProcessorCount) == 384 &&
              offsetof(cudaDeviceProp, maxThreadsPerMultiProcessor) == 604 && sizeof(cudaDeviceProp) == 1008);

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
  /** Copied from the device since the last reset. */
  std::size_t downloaded_bytes = 0;
  /** Device memory in one allocation is never more than this; 0 = no bound. */
  std::size_t largest_block_bytes = 0;
  /** Graphs made and graphs launched since the last reset. */
  int captures = 0;
  int replays = 0;
  /** Called when a capture has begun, on the thread that captures. */
  void (*while_capturing)() = nullptr;
  std::size_t free_bytes = 3'000'000'000;
  std::size_t total_bytes = 4'000'000'000;
  int driver_version = 13'000;
  /** What cudaGetDeviceCount answers. */
  cudaError_t count_status = cudaSuccess;

  void reset() { *this = {.live_blocks = live_blocks}; }
};

#pragma GCC visibility push(default)
extern EmulatedDevice emulated_device;

extern "C" {
cudaError_t cudaMalloc(void** memory, std::size_t bytes);
cudaError_t cudaFree(void* memory);
cudaError_t cudaMallocHost(void** memory, std::size_t bytes);
cudaError_t cudaFreeHost(void* memory);
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, int* status);
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream);
cudaError_t cudaGetLastError();
const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetDevice(int* id);
cudaError_t cudaSetDevice(int id);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);

/** Does work on a stream, or keeps it where the stream captures; for stand-ins of other libraries. */
cudaError_t emulated_enqueue(cudaStream_t stream, void (*work)(const void* arguments), const void* arguments,
                             std::size_t bytes);
}
#pragma GCC visibility pop

template <typename T>
cudaError_t cudaMalloc(T** memory, std::size_t bytes) {
  return cudaMalloc(reinterpret_cast<void**>(memory), bytes);
}
