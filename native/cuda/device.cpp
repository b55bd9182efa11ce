#include "hazure/cuda/device.hpp"

#include "check.hpp"

namespace hazure::cuda {

void use_device(int device_id) {
  check(cudaSetDevice(device_id), "choosing the device");
  auto mode = cudaStreamCaptureModeThreadLocal;
  check(cudaThreadExchangeStreamCaptureMode(&mode), "choosing how a thread captures");
}

}  // namespace hazure::cuda
