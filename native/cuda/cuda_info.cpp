#include <cuda_runtime_api.h>

#include "hazure/system_info.hpp"

namespace hazure {
namespace {

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

#ifndef HAZURE_CUDA_ARCHITECTURES
#define HAZURE_CUDA_ARCHITECTURES ""
#endif

/** "75,120" as "7.5" and "12.0". */
std::vector<std::string> architectures() {
  std::vector<std::string> names;
  std::string number;
  for (const char c : std::string(HAZURE_CUDA_ARCHITECTURES) + ",") {
    if (c >= '0' && c <= '9') {
      number += c;
    } else if (number.size() >= 2) {
      names.push_back(number.substr(0, number.size() - 1) + "." + number.back());
      number.clear();
    }
  }
  return names;
}

}  // namespace

CudaInfo cuda_info() {
  CudaInfo info;
  info.compiled = true;
  info.architectures = architectures();
  int runtime = 0;
  if (cudaRuntimeGetVersion(&runtime) == cudaSuccess) info.runtime_version = version_text(runtime);
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    cudaGetLastError();
    info.unavailable = "no NVIDIA driver was found";
    return info;
  }
  info.driver_version = version_text(driver);

  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    cudaGetLastError();
    info.unavailable = status == cudaErrorInsufficientDriver
                           ? "the NVIDIA driver supports CUDA " + info.driver_version + ", the engine needs " +
                                 info.runtime_version
                       : status == cudaSuccess ? std::string("the NVIDIA driver lists no device")
                                               : std::string(cudaGetErrorString(status));
    return info;
  }
  int before = 0;
  cudaGetDevice(&before);
  for (int id = 0; id < count; ++id) {
    cudaDeviceProp properties{};
    std::size_t free_bytes = 0;
    std::size_t total_bytes = 0;
    if (cudaGetDeviceProperties(&properties, id) != cudaSuccess || cudaSetDevice(id) != cudaSuccess ||
        cudaMemGetInfo(&free_bytes, &total_bytes) != cudaSuccess) {
      cudaGetLastError();
      continue;
    }
    info.devices.push_back({id, properties.name,
                            std::to_string(properties.major) + "." + std::to_string(properties.minor), total_bytes,
                            free_bytes});
  }
  cudaSetDevice(before);
  if (info.devices.empty()) info.unavailable = "no CUDA device answered";
  return info;
}

}  // namespace hazure
