#pragma once

#include <cstdint>
#include <string>

namespace hazure {

enum class DeviceChoice { kAuto, kCpu, kCuda, kTensorRt };
enum class Device { kCpu, kCuda, kTensorRt };
enum class Precision { kFp32, kFp16 };
enum class PrecisionChoice { kAuto, kFp32, kFp16 };
enum class ArenaGrowth { kPowerOfTwo, kSameAsRequested };
enum class ConvolutionSearch { kExhaustive, kHeuristic, kDefault };

/** `cpu`, `cuda`, `tensorrt`. */
const char* device_name(Device device);

/** `fp32`, `fp16`. */
const char* precision_name(Precision precision);

struct CudaOptions {
  /** Upper bound of the arena in bytes; 0 = none. */
  std::uint64_t memory_limit_bytes = 0;
  ArenaGrowth arena_growth = ArenaGrowth::kPowerOfTwo;
  /** How cuDNN picks algorithms: exhaustive tries them once per shape and is fastest afterwards. */
  ConvolutionSearch convolution_search = ConvolutionSearch::kExhaustive;
  /** Let the search use as much scratch memory as it likes (32 MB at most otherwise): faster, more memory. */
  bool convolution_max_workspace = true;
  /** TensorFloat-32 in float32 products, on GPUs that have it (8.0 and newer); off = full float32. */
  bool tf32 = true;
  /** Convolutions in NHWC layout, which tensor cores like. */
  bool prefer_nhwc = false;
  /** Preprocess into and decode from device memory; off = through the host, as on the CPU. */
  bool device_tensors = true;
  /**
   * Capture batches that come back as CUDA graphs: one launch for the whole network. Needs device tensors, and every
   * operator on the GPU. Not under TensorRT.
   */
  bool graphs = false;
};

/** Batch sizes that an engine is built for; 0 in `max` = none given. */
struct BatchProfile {
  int min = 0;
  int optimal = 0;
  int max = 0;
};

struct TensorRtOptions {
  /** Where engines and timings are kept between processes; empty = nowhere. */
  std::string cache_dir;
  /** Identifies the model in the cache: its sha256. Without it nothing is cached. */
  std::string model_hash;
  /** Upper bound of TensorRT's scratch memory; 0 = its own default. */
  std::uint64_t workspace_bytes = 0;
  /** 0…5, how long the builder searches; −1 = its own default (3). */
  int optimisation_level = -1;
  /** The engines that one model was cut into share their scratch memory; they never run at the same time. */
  bool context_memory_sharing = false;
  /** Streams that TensorRT may use beside the main one; −1 = its own choice, 0 = least memory. */
  int auxiliary_streams = -1;
  /** Smaller pieces of the graph stay with CUDA. */
  int min_subgraph_size = 1;
  /** Layer normalisation in float32 in an fp16 engine: transformers lose accuracy otherwise. */
  bool layer_norm_fp32 = true;
  BatchProfile batch;
};

struct SessionOptions {
  DeviceChoice device = DeviceChoice::kAuto;
  int device_id = 0;
  /** kAuto: fp16 under TensorRT, elsewhere what the model holds. */
  PrecisionChoice precision = PrecisionChoice::kAuto;
  /** Cores that the CPU provider may use; 0 = usable_cores(). */
  int threads = 0;
  /**
   * Inferences that run side by side on the CPU, each on `threads / streams` cores; more than there are cores are cut
   * down to that. 0 = one in a Session, in an ImageModel one a core up to 16: side by side they need not wait for each
   * other after every operator.
   */
  int streams = 0;
  /** Idle threads of the CPU provider wait by spinning instead of sleeping. */
  bool spin = true;
  CudaOptions cuda;
  TensorRtOptions tensorrt;
  /** Height and width that open dimensions of an image input will have, for shape profiles; 0 = unknown. */
  int input_height_px = 0;
  int input_width_px = 0;
};

/** Cores and streams as they are used on the CPU: `streams` × `threads_each` ≤ cores, neither below 1. */
struct CpuPlan {
  int streams = 1;
  int threads_each = 1;
};

/** @param most_streams what `streams` = 0 stands for, where there are as many cores */
CpuPlan cpu_plan(const SessionOptions& options, int most_streams);

}  // namespace hazure
