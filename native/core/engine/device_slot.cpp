#include "hazure/engine/device_slot.hpp"

#include <cuda_runtime.h>

#include <string>

#include "hazure/cuda/device.hpp"
#include "hazure/cuda/preprocess.hpp"
#include "hazure/engine/failure.hpp"

namespace hazure {
namespace {

void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  const std::string reason = std::string(cudaGetErrorName(status)) + " while " + doing;
  if (status == cudaErrorMemoryAllocation) {
    throw Failure("DEVICE_OUT_OF_MEMORY", ErrorKind::kOutOfDeviceMemory, reason,
                  "Use a smaller batch size, or close other programs that use this device.");
  }
  throw Failure("DEVICE_FAILED", ErrorKind::kDevice, reason, "Run `hazure doctor`, or use `--device cpu`.");
}

cudaStream_t native(cuda::Stream stream) { return static_cast<cudaStream_t>(stream); }

cuda::Stream new_stream(int device_id) {
  cuda::use_device(device_id);
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return stream;
}

}  // namespace

DeviceImages::DeviceImages(int device_id) : device_id_(device_id), workspace_(device_id), stream_(new_stream(device_id)) {}

DeviceImages::~DeviceImages() {
  cudaSetDevice(device_id_);
  cudaStreamDestroy(native(stream_));
}

std::span<const Region> DeviceImages::upload(std::span<const Region> regions) {
  regions_ = cuda::upload_regions(regions, workspace_, stream_);
  // The kernels read on the streams of the slots.
  check(cudaStreamSynchronize(native(stream_)), "copying images to the device");
  return regions_;
}

DeviceSlot::DeviceSlot(int device_id, bool half)
    : device_id_(device_id),
      half_(half),
      workspace_(std::make_unique<cuda::Workspace>(device_id)),
      stream_(new_stream(device_id)) {}

DeviceSlot::~DeviceSlot() {
  cudaSetDevice(device_id_);
  cudaFree(memory_);
  workspace_.reset();
  cudaStreamDestroy(native(stream_));
}

void DeviceSlot::reserve(std::size_t bytes) {
  if (bytes <= capacity_) return;
  cudaFree(memory_);
  memory_ = nullptr;
  capacity_ = 0;
  check(cudaMalloc(&memory_, bytes), "reserving an input tensor");
  capacity_ = bytes;
}

void DeviceSlot::prepare(std::span<const Region> regions, std::size_t rows, const PreprocessSpec& spec,
                         Placement* placements) {
  prepare_uploaded(cuda::upload_regions(regions, *workspace_, stream_), rows, spec, placements);
}

void DeviceSlot::prepare_uploaded(std::span<const Region> regions, std::size_t rows, const PreprocessSpec& spec,
                                  Placement* placements) {
  cuda::use_device(device_id_);
  const std::size_t element = half_ ? 2 : 4;
  const std::size_t row_bytes = preprocessed_floats(spec) * element;
  reserve(rows * row_bytes);
  dims_ = {static_cast<std::int64_t>(rows), 3, spec.height_px, spec.width_px};
  cuda::preprocess_batch(regions, spec, memory_, half_ ? cuda::OutputType::kFloat16 : cuda::OutputType::kFloat32,
                         placements, *workspace_, stream_);
  if (rows > regions.size()) {
    auto* rest = static_cast<std::byte*>(memory_) + regions.size() * row_bytes;
    check(cudaMemsetAsync(rest, 0, (rows - regions.size()) * row_bytes, native(stream_)), "clearing a tensor");
  }
  // The runtime reads on a stream of its own.
  check(cudaStreamSynchronize(native(stream_)), "preprocessing");
}

Ort::MemoryInfo DeviceSlot::memory_info() const {
  return Ort::MemoryInfo("Cuda", OrtDeviceAllocator, device_id_, OrtMemTypeDefault);
}

Ort::Value DeviceSlot::tensor() const {
  std::size_t elements = 1;
  for (const auto dim : dims_) elements *= static_cast<std::size_t>(dim);
  return Ort::Value::CreateTensor(
      memory_info(), memory_, elements * (half_ ? 2 : 4), dims_.data(), dims_.size(),
      half_ ? ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 : ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
}

void DeviceSlot::download(float* host, const float* device, std::size_t count) {
  check(cudaMemcpyAsync(host, device, count * sizeof(float), cudaMemcpyDeviceToHost, native(stream_)),
        "copying results");
  check(cudaStreamSynchronize(native(stream_)), "copying results");
}

std::vector<Ort::Value> DeviceSlot::to_host(std::span<const Ort::Value> values) {
  Ort::AllocatorWithDefaultOptions allocator;
  std::vector<Ort::Value> copies;
  for (const Ort::Value& value : values) {
    const auto info = value.GetTensorTypeAndShapeInfo();
    const auto dims = info.GetShape();
    copies.push_back(Ort::Value::CreateTensor(allocator, dims.data(), dims.size(), info.GetElementType()));
    check(cudaMemcpyAsync(copies.back().GetTensorMutableRawData(), value.GetTensorRawData(), value.GetTensorSizeInBytes(),
                          cudaMemcpyDeviceToHost, native(stream_)),
          "copying results");
  }
  check(cudaStreamSynchronize(native(stream_)), "copying results");
  return copies;
}

}  // namespace hazure
