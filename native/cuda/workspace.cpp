#include "workspace_memory.hpp"

#include "hazure/system_info.hpp"

namespace hazure::cuda {

Workspace::Workspace(int device_id) : memory_(std::make_unique<Memory>()) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || device_id < 0 || device_id >= count) {
    cudaGetLastError();
    const std::string reason = cuda_info().unavailable;
    throw Error(ErrorKind::kDevice,
                "CUDA device " + std::to_string(device_id) + " was asked for, " +
                    (reason.empty() ? "there are " + std::to_string(count) : reason),
                "Run hazure doctor; choose another device or --device cpu.");
  }
  memory_->device_id = device_id;
  memory_->use();
}

Workspace::~Workspace() {
  if (memory_) cudaSetDevice(memory_->device_id);
}

}  // namespace hazure::cuda
