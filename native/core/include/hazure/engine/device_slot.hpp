#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "hazure/cuda/workspace.hpp"
#include "hazure/engine/ort_api.hpp"
#include "hazure/preprocess.hpp"

namespace hazure {

/**
 * The images of one call in device memory, for a call that is prepared in several pieces: each image goes up once, not
 * once for every piece that cuts something from it. Built only with CUDA.
 */
class DeviceImages {
 public:
  /** @throws Error kDevice when there is no such device */
  explicit DeviceImages(int device_id);
  ~DeviceImages();
  DeviceImages(const DeviceImages&) = delete;
  DeviceImages& operator=(const DeviceImages&) = delete;

  /**
   * Returns when the copies are complete. What was uploaded before is gone.
   *
   * @return the same regions over device memory
   * @throws Error kOutOfDeviceMemory, kDevice, kInput as cuda::upload_regions
   */
  std::span<const Region> upload(std::span<const Region> regions);

 private:
  int device_id_;
  cuda::Workspace workspace_;
  cuda::Stream stream_ = nullptr;
  std::vector<Region> regions_;
};

/**
 * One prepared batch in device memory: the model's input tensor, a stream of its own and the scratch of the kernels.
 * Pixels are uploaded and preprocessed straight into the tensor that the runtime reads; two slots overlap, because
 * each has its stream. Built only with CUDA.
 */
class DeviceSlot {
 public:
  /** @throws Error kDevice when there is no such device */
  DeviceSlot(int device_id, bool half);
  ~DeviceSlot();
  DeviceSlot(const DeviceSlot&) = delete;
  DeviceSlot& operator=(const DeviceSlot&) = delete;

  /**
   * Uploads and preprocesses; returns when the tensor is complete.
   *
   * @param rows  batch of the tensor, at least regions.size(); what is left is zero
   * @throws Error kOutOfDeviceMemory, kDevice, kInput as cuda::preprocess_batch
   */
  void prepare(std::span<const Region> regions, std::size_t rows, const PreprocessSpec& spec, Placement* placements);

  /** The same for regions over device memory, see DeviceImages. */
  void prepare_uploaded(std::span<const Region> regions, std::size_t rows, const PreprocessSpec& spec,
                        Placement* placements);

  /** The input tensor of the last `prepare`, over this slot's memory. */
  [[nodiscard]] Ort::Value tensor() const;

  /** Where the tensor lies on the device; it may move when a larger batch is prepared. */
  [[nodiscard]] const void* memory() const { return memory_; }

  /** Copies device floats to the host and waits. */
  void download(float* host, const float* device, std::size_t count);
  /** Copies tensors of any type to the host and waits. */
  [[nodiscard]] std::vector<Ort::Value> to_host(std::span<const Ort::Value> values);

  [[nodiscard]] cuda::Workspace& workspace() { return *workspace_; }
  [[nodiscard]] cuda::Stream stream() const { return stream_; }
  [[nodiscard]] Ort::MemoryInfo memory_info() const;

 private:
  void reserve(std::size_t bytes);

  int device_id_;
  bool half_;
  std::unique_ptr<cuda::Workspace> workspace_;
  cuda::Stream stream_ = nullptr;
  void* memory_ = nullptr;
  std::size_t capacity_ = 0;
  std::vector<std::int64_t> dims_;
};

}  // namespace hazure
