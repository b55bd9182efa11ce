#include "hazure/engine/provider_options.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "hazure/engine/failure.hpp"

namespace hazure {
namespace {

/** File-name safe: letters, digits, dots and dashes. */
std::string slug(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.';
    if (plain) {
      out += c;
    } else if (!out.empty() && out.back() != '-') {
      out += '-';
    }
  }
  return out;
}

/** What the builder was told, as far as it changes the engine: ONNX Runtime's own file names leave that out. */
std::string builder_key(const TensorRtOptions& options) {
  const auto number = [](auto value, auto unset) { return value == unset ? std::string("d") : std::to_string(value); };
  return "o" + number(options.optimisation_level, -1) + "w" + number(options.workspace_bytes, std::uint64_t{0}) + "a" +
         number(options.auxiliary_streams, -1) + "s" + std::to_string(options.min_subgraph_size) + "n" +
         (options.layer_norm_fp32 ? "32" : "16");
}

bool asks_fp16(const SessionOptions& options) { return options.precision != PrecisionChoice::kFp32; }

/** `images:8x3x640x640,…` with open dimensions filled in. */
std::string profile(std::span<const TensorInfo> inputs, const SessionOptions& options, int batch) {
  std::string shapes;
  for (const TensorInfo& input : inputs) {
    std::string shape;
    for (std::size_t i = 0; i < input.dims.size(); ++i) {
      std::int64_t dim = input.dims[i];
      if (dim < 0 && i == 0) dim = batch;
      if (dim < 0 && input.dims.size() == 4 && i == 2) dim = options.input_height_px;
      if (dim < 0 && input.dims.size() == 4 && i == 3) dim = options.input_width_px;
      if (dim <= 0) {
        throw Failure("MODEL_UNSUPPORTED", ErrorKind::kModel,
                      "Dimension " + std::to_string(i) + " of input " + input.name +
                          " is open, so no TensorRT shape profile can be made",
                      "Leave out the batch profile, or export the model with fixed dimensions beside the batch.");
      }
      shape += (i == 0 ? "" : "x") + std::to_string(dim);
    }
    shapes += (shapes.empty() ? "" : ",") + input.name + ":" + shape;
  }
  return shapes;
}

}  // namespace

const char* precision_name(Precision precision) { return precision == Precision::kFp16 ? "fp16" : "fp32"; }

ProviderOptions cuda_provider_options(const SessionOptions& options) {
  ProviderOptions values{{"device_id", std::to_string(options.device_id)}};
  if (options.cuda.memory_limit_bytes > 0) {
    values["gpu_mem_limit"] = std::to_string(options.cuda.memory_limit_bytes);
  }
  values["arena_extend_strategy"] =
      options.cuda.arena_growth == ArenaGrowth::kSameAsRequested ? "kSameAsRequested" : "kNextPowerOfTwo";
  switch (options.cuda.convolution_search) {
    case ConvolutionSearch::kExhaustive:
      values["cudnn_conv_algo_search"] = "EXHAUSTIVE";
      break;
    case ConvolutionSearch::kHeuristic:
      values["cudnn_conv_algo_search"] = "HEURISTIC";
      break;
    case ConvolutionSearch::kDefault:
      values["cudnn_conv_algo_search"] = "DEFAULT";
      break;
  }
  values["cudnn_conv_use_max_workspace"] = options.cuda.convolution_max_workspace ? "1" : "0";
  values["use_tf32"] = options.cuda.tf32 ? "1" : "0";
  values["prefer_nhwc"] = options.cuda.prefer_nhwc ? "1" : "0";
  values["enable_cuda_graph"] = options.cuda.graphs ? "1" : "0";
  return values;
}

std::string tensorrt_cache_folder(const SessionOptions& options, const TensorRtSystem& system) {
  const TensorRtOptions& wanted = options.tensorrt;
  if (wanted.cache_dir.empty() || wanted.model_hash.empty()) return {};
  const std::string name = wanted.model_hash.substr(0, 32) + "_" + slug(system.gpu_name) + "_sm" +
                           slug(system.compute_capability) + "_" + (asks_fp16(options) ? "fp16" : "fp32") + "_ort" +
                           slug(system.onnx_runtime_version) + "_trt" + slug(system.tensorrt_version) + "_" +
                           builder_key(wanted);
  return (std::filesystem::path(wanted.cache_dir) / name).string();
}

ProviderOptions tensorrt_provider_options(const SessionOptions& options, std::span<const TensorInfo> inputs,
                                          const std::string& cache_folder) {
  const TensorRtOptions& wanted = options.tensorrt;
  ProviderOptions values{{"device_id", std::to_string(options.device_id)},
                         {"trt_fp16_enable", asks_fp16(options) ? "1" : "0"},
                         {"trt_context_memory_sharing_enable", wanted.context_memory_sharing ? "1" : "0"},
                         {"trt_min_subgraph_size", std::to_string(wanted.min_subgraph_size)},
                         {"trt_layer_norm_fp32_fallback", wanted.layer_norm_fp32 ? "1" : "0"}};
  if (!cache_folder.empty()) {
    values["trt_engine_cache_enable"] = "1";
    values["trt_engine_cache_path"] = cache_folder;
    values["trt_timing_cache_enable"] = "1";
    values["trt_timing_cache_path"] = cache_folder;
  }
  if (wanted.workspace_bytes > 0) values["trt_max_workspace_size"] = std::to_string(wanted.workspace_bytes);
  if (wanted.optimisation_level >= 0) {
    values["trt_builder_optimization_level"] = std::to_string(wanted.optimisation_level);
  }
  if (wanted.auxiliary_streams >= 0) values["trt_auxiliary_streams"] = std::to_string(wanted.auxiliary_streams);
  const bool open_batch = std::any_of(inputs.begin(), inputs.end(), [](const TensorInfo& input) {
    return !input.dims.empty() && input.dims[0] < 0;
  });
  if (wanted.batch.max > 0 && open_batch) {
    values["trt_profile_min_shapes"] = profile(inputs, options, wanted.batch.min);
    values["trt_profile_opt_shapes"] = profile(inputs, options, wanted.batch.optimal);
    values["trt_profile_max_shapes"] = profile(inputs, options, wanted.batch.max);
  }
  return values;
}

}  // namespace hazure
