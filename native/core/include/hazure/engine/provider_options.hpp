#pragma once

#include <map>
#include <span>
#include <string>

#include "hazure/engine/session_options.hpp"
#include "hazure/engine/tensor.hpp"

namespace hazure {

/** Keys and values of an execution provider, as ONNX Runtime documents them. */
using ProviderOptions = std::map<std::string, std::string>;

ProviderOptions cuda_provider_options(const SessionOptions& options);

/** What a TensorRT engine depends on beside the model; any difference is another cache folder. */
struct TensorRtSystem {
  std::string gpu_name;
  std::string compute_capability;
  std::string onnx_runtime_version;
  std::string tensorrt_version;
};

/** Folder of the cached engines of one model on one system, below `options.tensorrt.cache_dir`; empty = no cache. */
std::string tensorrt_cache_folder(const SessionOptions& options, const TensorRtSystem& system);

/**
 * @param inputs the model's inputs, for the shape profile
 * @param cache_folder see tensorrt_cache_folder
 * @throws Failure MODEL_UNSUPPORTED when a batch profile was asked for and an input has an open dimension that nothing
 *   tells
 */
ProviderOptions tensorrt_provider_options(const SessionOptions& options, std::span<const TensorInfo> inputs,
                                          const std::string& cache_folder);

}  // namespace hazure
