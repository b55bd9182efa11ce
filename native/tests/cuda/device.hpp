#pragma once

#include <cuda_runtime_api.h>

#include <vector>

#include "check.hpp"
#include "hazure/system_info.hpp"

// Shared by the tests that hold the device twins against the CPU.
namespace testing {

/** Skips the running test, with the reason, where no device can be used. */
inline void need_device() {
  const hazure::CudaInfo info = hazure::cuda_info();
  if (info.devices.empty()) SKIP(info.unavailable);
}

/** The emulator is some thousand times slower than a device. */
#if defined(HAZURE_EMULATED_DEVICE)
inline constexpr int kRounds = 8;
#else
inline constexpr int kRounds = 150;
#endif

/** Device memory with the contents of a vector. */
template <typename T>
class OnDevice {
 public:
  explicit OnDevice(std::size_t count) : count_(count) {
    CHECK_EQ(cudaMalloc(&data_, count * sizeof(T)), cudaSuccess);
  }
  explicit OnDevice(const std::vector<T>& values) : OnDevice(values.size()) {
    CHECK_EQ(cudaMemcpy(data_, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice), cudaSuccess);
  }
  OnDevice(OnDevice&& other) noexcept : count_(other.count_), data_(std::exchange(other.data_, nullptr)) {}
  OnDevice(const OnDevice&) = delete;
  OnDevice& operator=(const OnDevice&) = delete;
  ~OnDevice() { cudaFree(data_); }

  [[nodiscard]] T* data() const { return static_cast<T*>(data_); }
  [[nodiscard]] std::vector<T> fetch() const {
    std::vector<T> values(count_);
    CHECK_EQ(cudaMemcpy(values.data(), data_, count_ * sizeof(T), cudaMemcpyDeviceToHost), cudaSuccess);
    return values;
  }

 private:
  std::size_t count_;
  void* data_ = nullptr;
};

}  // namespace testing
