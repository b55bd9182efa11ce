#include <cuda_runtime_api.h>

#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

EmulatedDevice emulated_device;

struct EmulatedGraph {
  std::vector<std::function<void()>> work;
};

struct EmulatedStream {
  bool capturing = false;
  bool invalidated = false;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id owner;
  EmulatedGraph graph;
};

namespace {

std::recursive_mutex mutex;
std::vector<EmulatedStream*> capturing;
thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;
thread_local cudaError_t last_error = cudaSuccess;

cudaError_t answer(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

/**
 * What cudaMalloc and its like must not do: run on a thread that captures, or beside a global capture of another
 * thread, unless the thread stands apart. It breaks the captures that it disturbs.
 */
cudaError_t unsafe() {
  cudaError_t status = cudaSuccess;
  for (EmulatedStream* stream : capturing) {
    const bool own = stream->owner == std::this_thread::get_id();
    const bool disturbed = own ? thread_mode != cudaStreamCaptureModeRelaxed && stream->mode != cudaStreamCaptureModeRelaxed
                               : thread_mode == cudaStreamCaptureModeGlobal && stream->mode == cudaStreamCaptureModeGlobal;
    if (!disturbed) continue;
    stream->invalidated = true;
    status = cudaErrorStreamCaptureUnsupported;
  }
  return answer(status);
}

cudaError_t enqueue(cudaStream_t stream, std::function<void()> work) {
  const std::lock_guard lock(mutex);
  if (stream != nullptr && stream->capturing) {
    stream->graph.work.push_back(std::move(work));
  } else {
    work();
  }
  return cudaSuccess;
}

cudaError_t allocate(void** memory, std::size_t bytes) {
  const std::lock_guard lock(mutex);
  if (const cudaError_t status = unsafe(); status != cudaSuccess) return status;
  const bool too_large = emulated_device.largest_block_bytes > 0 && bytes > emulated_device.largest_block_bytes;
  if (++emulated_device.allocations == emulated_device.failing_allocation || too_large) {
    return answer(cudaErrorMemoryAllocation);
  }
  ++emulated_device.live_blocks;
  // Rubbish, as on a device: a kernel that reads what nobody wrote must not find zeros. Aligned as there.
  *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(*memory, 0xA5, bytes);
  return cudaSuccess;
}

cudaError_t release(void* memory) {
  const std::lock_guard lock(mutex);
  if (const cudaError_t status = unsafe(); status != cudaSuccess) return status;
  if (memory != nullptr) --emulated_device.live_blocks;
  std::free(memory);
  return cudaSuccess;
}

}  // namespace

cudaError_t cudaMalloc(void** memory, std::size_t bytes) { return allocate(memory, bytes); }
cudaError_t cudaFree(void* memory) { return release(memory); }
cudaError_t cudaMallocHost(void** memory, std::size_t bytes) { return allocate(memory, bytes); }
cudaError_t cudaFreeHost(void* memory) { return release(memory); }

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const std::lock_guard lock(mutex);
  if (const cudaError_t status = unsafe(); status != cudaSuccess) return status;
  return cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return enqueue(stream, [=] {
    if (kind == cudaMemcpyHostToDevice) emulated_device.uploaded_bytes += bytes;
    if (kind == cudaMemcpyDeviceToHost) emulated_device.downloaded_bytes += bytes;
    std::memcpy(to, from, bytes);
  });
}
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream) {
  return enqueue(stream, [=] { std::memset(memory, value, bytes); });
}
cudaError_t emulated_enqueue(cudaStream_t stream, void (*work)(const void*), const void* arguments, std::size_t bytes) {
  const auto* first = static_cast<const char*>(arguments);
  return enqueue(stream, [work, kept = std::vector<char>(first, first + bytes)] { work(kept.data()); });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  static char anything;
  *event = reinterpret_cast<cudaEvent_t>(&anything);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new EmulatedStream;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const std::lock_guard lock(mutex);
  if (stream == nullptr || !stream->capturing) return cudaSuccess;
  stream->invalidated = true;
  return answer(cudaErrorStreamCaptureUnsupported);
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  std::swap(thread_mode, *mode);
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  {
    const std::lock_guard lock(mutex);
    *stream = {true, false, mode, std::this_thread::get_id(), {}};
    capturing.push_back(stream);
  }
  if (emulated_device.while_capturing != nullptr) emulated_device.while_capturing();
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::lock_guard lock(mutex);
  std::erase(capturing, stream);
  stream->capturing = false;
  *graph = nullptr;
  if (stream->invalidated) return answer(cudaErrorStreamCaptureInvalidated);
  ++emulated_device.captures;
  *graph = new EmulatedGraph(std::move(stream->graph));
  return cudaSuccess;
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, int* status) {
  const std::lock_guard lock(mutex);
  *status = stream == nullptr || !stream->capturing ? 0 : stream->invalidated ? 2 : 1;
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  ++emulated_device.replays;
  for (const auto& work : graph->work) enqueue(stream, work);
  return cudaSuccess;
}

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
const char* cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "cudaErrorMemoryAllocation" : "emulated";
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    default:
      return "emulated";
  }
}
cudaError_t cudaGetDevice(int* id) { return *id = 0, cudaSuccess; }
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaGetDeviceCount(int* count) {
  *count = emulated_device.count_status == cudaSuccess ? 1 : 0;
  return emulated_device.count_status;
}
cudaError_t cudaDriverGetVersion(int* version) { return *version = emulated_device.driver_version, cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int* version) { return *version = 13'000, cudaSuccess; }
cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total_bytes) {
  *free_bytes = emulated_device.free_bytes;
  *total_bytes = emulated_device.total_bytes;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  std::strcpy(properties->name, "emulated device");
  properties->totalGlobalMem = emulated_device.total_bytes;
  properties->warpSize = 32;
  properties->sharedMemPerBlock = 48 << 10;
  properties->regsPerBlock = 65'536;
  properties->maxThreadsPerBlock = 1024;
  properties->major = 9;
  properties->multiProcessorCount = 1;
  properties->maxThreadsPerMultiProcessor = 2048;
  for (int axis = 0; axis < 3; ++axis) {
    properties->maxThreadsDim[axis] = axis < 2 ? 1024 : 64;
    properties->maxGridSize[axis] = axis == 0 ? 2'147'483'647 : 65'535;
  }
  return cudaSuccess;
}
