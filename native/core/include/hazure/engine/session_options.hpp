#pragma once

#include <cstdint>
#include <string>

namespace hazure {

enum class DeviceChoice { kAuto, kCpu, kCuda, kTensorRt };
enum class Device { kCpu, kCuda, kTensorRt };
enum class Precision { kFp32, kFp16 };
enum class PrecisionChoice { kAuto, kFp32, kFp16 };

/** `cpu`, `cuda`, `tensorrt`. */
const char* device_name(Device device);

struct SessionOptions {
  DeviceChoice device = DeviceChoice::kAuto;
  int device_id = 0;
  /** kAuto: fp16 under TensorRT, elsewhere what the model holds. */
  PrecisionChoice precision = PrecisionChoice::kAuto;
  /** Intra-op threads of the CPU provider; 0 = usable_cores(). */
  int threads = 0;
};

}  // namespace hazure
