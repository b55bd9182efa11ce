#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

#include "check.hpp"
#include "hazure/cuda/device.hpp"
#include "hazure/cuda/workspace.hpp"

namespace hazure::cuda {

/** Grow-only memory of the current device; what it held is lost when it grows. */
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  ~DeviceBuffer() { cudaFree(data_); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  template <typename T>
  T* reserve(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
    if (bytes > bytes_) {
      // Work in flight may still use the old block: cudaFree waits for it.
      check(cudaFree(data_), "freeing a work buffer");
      data_ = nullptr;
      bytes_ = 0;
      check(cudaMalloc(&data_, bytes), "reserving a work buffer");
      bytes_ = bytes;
    }
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

/** Grow-only pinned host memory that copies to or from the device may still be reading or writing. */
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  ~PinnedBuffer() {
    if (event_ != nullptr) {
      cudaEventSynchronize(event_);
      cudaEventDestroy(event_);
    }
    cudaFreeHost(data_);
  }
  PinnedBuffer(const PinnedBuffer&) = delete;
  PinnedBuffer& operator=(const PinnedBuffer&) = delete;

  /** Waits until the last copy that was marked has ended. */
  template <typename T>
  T* reserve(std::size_t count) {
    if (event_ == nullptr) {
      check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "creating an event");
    }
    check(cudaEventSynchronize(event_), "waiting for a copy");
    const std::size_t bytes = count * sizeof(T);
    if (bytes > bytes_) {
      check(cudaFreeHost(data_), "freeing pinned memory");
      data_ = nullptr;
      bytes_ = 0;
      check(cudaMallocHost(&data_, bytes), "reserving pinned memory");
      bytes_ = bytes;
    }
    return static_cast<T*>(data_);
  }

  /** Call behind the copy that uses the memory. */
  void mark(cudaStream_t stream) { check(cudaEventRecord(event_, stream), "recording an event"); }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  cudaEvent_t event_ = nullptr;
};

struct Workspace::Memory {
  int device_id = 0;

  // Uploads and preprocessing
  PinnedBuffer image_staging;
  DeviceBuffer images;
  PinnedBuffer job_staging;
  DeviceBuffer jobs;
  DeviceBuffer taps;
  DeviceBuffer narrowed;

  // Decoding
  PinnedBuffer parameter_staging;
  DeviceBuffer parameters;
  DeviceBuffer anchors;
  DeviceBuffer keys;
  DeviceBuffer counts;
  DeviceBuffer kept;
  DeviceBuffer rows;
  PinnedBuffer results;

  /** Makes the workspace's device the calling thread's. */
  void use() const { use_device(device_id); }
};

}  // namespace hazure::cuda
