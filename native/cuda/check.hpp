#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "hazure/error.hpp"

namespace hazure::cuda {

/** Turns a CUDA status into one of the engine's errors. */
inline void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // so that the next call does not see it again
  if (status == cudaErrorMemoryAllocation) {
    throw Error(ErrorKind::kOutOfDeviceMemory, std::string("out of device memory while ") + doing,
                "Use a smaller batch, or free memory on the device.");
  }
  throw Error(ErrorKind::kDevice,
              std::string("CUDA failed while ") + doing + ": " + cudaGetErrorName(status) + ", " +
                  cudaGetErrorString(status),
              "Run hazure doctor; choose --device cpu to go on without the GPU.");
}

inline void check_launch(const char* doing) { check(cudaGetLastError(), doing); }

inline cudaStream_t native(void* stream) { return static_cast<cudaStream_t>(stream); }

}  // namespace hazure::cuda
