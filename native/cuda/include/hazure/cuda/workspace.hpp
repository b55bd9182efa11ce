#pragma once

#include <memory>

namespace hazure::cuda {

/** A `cudaStream_t`; null is the default stream. Opaque, so that callers need no CUDA headers. */
using Stream = void*;

/**
 * Device and pinned memory that the operations keep from call to call, and the device they run on. One
 * workspace serves one stream at a time: calls on it must not overlap. Memory grows to the largest call.
 *
 * Every operation throws Error(kOutOfDeviceMemory) when device or pinned memory can't be had, and
 * Error(kDevice) for any other failure of the driver; arguments are refused as by the CPU twin.
 */
class Workspace {
 public:
  /** @throws Error(kDevice) when there is no such device */
  explicit Workspace(int device_id = 0);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  struct Memory;
  [[nodiscard]] Memory& memory() noexcept { return *memory_; }

 private:
  std::unique_ptr<Memory> memory_;
};

}  // namespace hazure::cuda
