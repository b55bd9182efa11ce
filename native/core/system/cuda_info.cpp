#include "hazure/system_info.hpp"

namespace hazure {

CudaInfo cuda_info() {
  CudaInfo info;
  info.unavailable = "the engine was built without CUDA (no nvcc was found, or HAZURE_CUDA=OFF)";
  return info;
}

}  // namespace hazure
