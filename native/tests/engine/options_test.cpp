#include <algorithm>

#include "hazure/engine/ort_api.hpp"
#include "hazure/engine/provider_options.hpp"
#include "hazure/engine/shared_library.hpp"
#include "hazure/system_info.hpp"
#include "runtime.hpp"

using namespace hazure;

namespace {

const TensorRtSystem kSystem{"NVIDIA H100 80GB", "9.0", "1.29.0", "101303"};

SessionOptions cached() {
  SessionOptions options;
  options.tensorrt.cache_dir = "/cache";
  options.tensorrt.model_hash = std::string(64, 'a');
  return options;
}

}  // namespace

TEST(options, cuda_defaults_and_every_choice) {
  SessionOptions options;
  options.device_id = 3;
  ProviderOptions values = cuda_provider_options(options);
  CHECK_EQ(values.at("device_id"), "3");
  CHECK_EQ(values.at("arena_extend_strategy"), "kNextPowerOfTwo");
  CHECK_EQ(values.at("cudnn_conv_algo_search"), "EXHAUSTIVE");
  CHECK(!values.contains("gpu_mem_limit"));
  options.cuda = {std::uint64_t{5} << 30, ArenaGrowth::kSameAsRequested, ConvolutionSearch::kHeuristic, true};
  values = cuda_provider_options(options);
  CHECK_EQ(values.at("gpu_mem_limit"), "5368709120");
  CHECK_EQ(values.at("arena_extend_strategy"), "kSameAsRequested");
  CHECK_EQ(values.at("cudnn_conv_algo_search"), "HEURISTIC");
}

TEST(options, the_engine_cache_differs_with_all_that_an_engine_depends_on) {
  const SessionOptions options = cached();
  const std::string folder = tensorrt_cache_folder(options, kSystem);
  CHECK_EQ(folder, "/cache/" + std::string(32, 'a') + "_NVIDIA-H100-80GB_sm9.0_fp16_ort1.29.0_trt101303_odwdads1n32");
  SessionOptions fp32 = options;
  fp32.precision = PrecisionChoice::kFp32;
  CHECK(tensorrt_cache_folder(fp32, kSystem) != folder);
  SessionOptions other_model = options;
  other_model.tensorrt.model_hash = std::string(64, 'b');
  CHECK(tensorrt_cache_folder(other_model, kSystem) != folder);
  for (auto change : {&TensorRtSystem::gpu_name, &TensorRtSystem::compute_capability,
                      &TensorRtSystem::onnx_runtime_version, &TensorRtSystem::tensorrt_version}) {
    TensorRtSystem other = kSystem;
    other.*change = "9.9";
    CHECK(tensorrt_cache_folder(options, other) != folder);
  }
  const auto built_otherwise = [&](auto change) {
    SessionOptions other = options;
    change(other.tensorrt);
    CHECK(tensorrt_cache_folder(other, kSystem) != folder);
  };
  built_otherwise([](TensorRtOptions& o) { o.optimisation_level = 5; });
  built_otherwise([](TensorRtOptions& o) { o.workspace_bytes = 1 << 30; });
  built_otherwise([](TensorRtOptions& o) { o.auxiliary_streams = 0; });
  built_otherwise([](TensorRtOptions& o) { o.min_subgraph_size = 4; });
  built_otherwise([](TensorRtOptions& o) { o.layer_norm_fp32 = false; });
  SessionOptions unnamed = options;
  unnamed.tensorrt.model_hash.clear();
  CHECK_EQ(tensorrt_cache_folder(unnamed, kSystem), "");
}

TEST(options, tensorrt_profiles_fill_in_the_open_dimensions) {
  SessionOptions options;
  options.tensorrt.batch = {1, 8, 32};
  options.input_height_px = 480;
  options.input_width_px = 640;
  const std::vector<TensorInfo> open{{"images", ElementType::kFloat32, {-1, 3, -1, -1}}};
  ProviderOptions values = tensorrt_provider_options(options, open, "");
  CHECK_EQ(values.at("trt_fp16_enable"), "1");
  CHECK_EQ(values.at("trt_profile_min_shapes"), "images:1x3x480x640");
  CHECK_EQ(values.at("trt_profile_opt_shapes"), "images:8x3x480x640");
  CHECK_EQ(values.at("trt_profile_max_shapes"), "images:32x3x480x640");
  CHECK(!values.contains("trt_engine_cache_enable"));

  const std::vector<TensorInfo> fixed{{"images", ElementType::kFloat32, {4, 3, 480, 640}}};
  CHECK(!tensorrt_provider_options(options, fixed, "").contains("trt_profile_opt_shapes"));
  const std::vector<TensorInfo> unknown{{"tokens", ElementType::kInt64, {-1, -1}}};
  CHECK_REFUSED(kModel, "Dimension 1 of input tokens is open", tensorrt_provider_options(options, unknown, ""));

  values = tensorrt_provider_options(cached(), open, "/cache/x");
  CHECK_EQ(values.at("trt_engine_cache_enable"), "1");
  CHECK_EQ(values.at("trt_engine_cache_path"), "/cache/x");
  CHECK_EQ(values.at("trt_timing_cache_path"), "/cache/x");
}

TEST(options, the_rest_of_cuda_and_tensorrt) {
  SessionOptions options;
  ProviderOptions cuda = cuda_provider_options(options);
  CHECK_EQ(cuda.at("cudnn_conv_use_max_workspace"), "1");
  CHECK_EQ(cuda.at("use_tf32"), "1");
  CHECK_EQ(cuda.at("prefer_nhwc"), "0");
  CHECK_EQ(cuda.at("enable_cuda_graph"), "0");
  options.cuda.convolution_max_workspace = options.cuda.tf32 = false;
  options.cuda.prefer_nhwc = options.cuda.graphs = true;
  cuda = cuda_provider_options(options);
  CHECK_EQ(cuda.at("cudnn_conv_use_max_workspace"), "0");
  CHECK_EQ(cuda.at("use_tf32"), "0");
  CHECK_EQ(cuda.at("prefer_nhwc"), "1");
  CHECK_EQ(cuda.at("enable_cuda_graph"), "1");

  ProviderOptions tensorrt = tensorrt_provider_options(options, {}, "");
  CHECK_EQ(tensorrt.at("trt_context_memory_sharing_enable"), "0");
  CHECK_EQ(tensorrt.at("trt_min_subgraph_size"), "1");
  CHECK_EQ(tensorrt.at("trt_layer_norm_fp32_fallback"), "1");
  CHECK(!tensorrt.contains("trt_auxiliary_streams"));
  CHECK(!tensorrt.contains("trt_max_workspace_size"));
  CHECK(!tensorrt.contains("trt_builder_optimization_level"));
  options.tensorrt.context_memory_sharing = true;
  options.tensorrt.min_subgraph_size = 5;
  options.tensorrt.layer_norm_fp32 = false;
  options.tensorrt.auxiliary_streams = 0;
  options.tensorrt.workspace_bytes = 77;
  options.tensorrt.optimisation_level = 0;
  options.precision = PrecisionChoice::kFp32;
  tensorrt = tensorrt_provider_options(options, {}, "");
  CHECK_EQ(tensorrt.at("trt_fp16_enable"), "0");
  CHECK_EQ(tensorrt.at("trt_context_memory_sharing_enable"), "1");
  CHECK_EQ(tensorrt.at("trt_min_subgraph_size"), "5");
  CHECK_EQ(tensorrt.at("trt_layer_norm_fp32_fallback"), "0");
  CHECK_EQ(tensorrt.at("trt_auxiliary_streams"), "0");
  CHECK_EQ(tensorrt.at("trt_max_workspace_size"), "77");
  CHECK_EQ(tensorrt.at("trt_builder_optimization_level"), "0");
}

namespace {

/** What the provider itself says to one option; empty when it takes it. @throws Skip where it can't be loaded */
template <typename Raw>
std::string answer(OrtStatus* (*create)(Raw**), OrtStatus* (*update)(Raw*, const char* const*, const char* const*, std::size_t),
                   void (*release)(Raw*), const std::string& key, const std::string& value) {
  Raw* raw = nullptr;
  Ort::ThrowOnError(create(&raw));
  const char* keys = key.c_str();
  const char* values = value.c_str();
  const Ort::Status status(update(raw, &keys, &values, 1));
  release(raw);
  std::string reason = status.IsOK() ? "" : status.GetErrorMessage();
  if (reason.find("Failed to load") != std::string::npos) SKIP(reason);
  return reason;
}

std::string cuda_answer(const std::string& key, const std::string& value) {
  const OrtApi& api = Ort::GetApi();
  return answer(api.CreateCUDAProviderOptions, api.UpdateCUDAProviderOptions, api.ReleaseCUDAProviderOptions, key, value);
}

std::string tensorrt_answer(const std::string& key, const std::string& value) {
  const OrtApi& api = Ort::GetApi();
  return answer(api.CreateTensorRTProviderOptions, api.UpdateTensorRTProviderOptions, api.ReleaseTensorRTProviderOptions,
                key, value);
}

/** The options without the one that asks the driver how many devices there are, where there is no driver to ask. */
ProviderOptions askable(ProviderOptions options) {
  if (cuda_info().devices.empty()) options.erase("device_id");
  return options;
}

/** Everything set, so that every key is made. */
SessionOptions everything() {
  SessionOptions options = cached();
  options.cuda.memory_limit_bytes = 1 << 30;
  options.tensorrt.workspace_bytes = 1 << 30;
  options.tensorrt.optimisation_level = 3;
  options.tensorrt.auxiliary_streams = 0;
  options.tensorrt.batch = {1, 8, 32};
  return options;
}

}  // namespace

// The provider libraries parse these without a device, but their own dependencies must be there: see
// libs/native-engine/bench/check-provider-options.mjs for a machine that has none.
TEST(provider_options, cuda_takes_every_name_and_value) {
  open_runtime();
  CHECK(cuda_answer("hazure_nonsense", "1").find("Unknown provider option") != std::string::npos);
  for (const auto growth : {ArenaGrowth::kPowerOfTwo, ArenaGrowth::kSameAsRequested}) {
    for (const auto search : {ConvolutionSearch::kExhaustive, ConvolutionSearch::kHeuristic, ConvolutionSearch::kDefault}) {
      SessionOptions options = everything();
      options.cuda.arena_growth = growth;
      options.cuda.convolution_search = search;
      for (const auto& [key, value] : askable(cuda_provider_options(options))) CHECK_EQ(cuda_answer(key, value), "", key);
    }
  }
}

TEST(provider_options, tensorrt_takes_every_name_and_value) {
  open_runtime();
  CHECK(tensorrt_answer("hazure_nonsense", "1").find("Unknown provider option") != std::string::npos);
  const std::vector<TensorInfo> inputs{{"images", ElementType::kFloat32, {-1, 3, 64, 64}}};
  for (const auto& [key, value] : askable(tensorrt_provider_options(everything(), inputs, "/cache"))) {
    CHECK_EQ(tensorrt_answer(key, value), "", key);
  }
}

TEST(options, libraries_that_are_needed_and_missing) {
  const auto needed = needed_libraries("/proc/self/exe");
  CHECK(std::find(needed.begin(), needed.end(), "libc.so.6") != needed.end());
  CHECK_EQ(missing_libraries("/proc/self/exe").size(), 0U);
  CHECK(needed_libraries(__FILE__).empty());
  CHECK(needed_libraries("/nowhere/none.so").empty());
  CHECK_EQ(missing_to_open("libhazure-none.so.9"), "libhazure-none.so.9");
  CHECK_EQ(missing_to_open("libc.so.6"), "");
  CHECK_EQ(with_product("libcublasLt.so.13"), "libcublasLt.so.13 (cuBLAS)");
  CHECK_EQ(with_product("libcudnn.so.9"), "libcudnn.so.9 (cuDNN)");
  CHECK_EQ(with_product("libcudart.so.13"), "libcudart.so.13 (CUDA runtime)");
  CHECK_EQ(with_product("libcuda.so.1"), "libcuda.so.1 (NVIDIA driver)");
  CHECK_EQ(with_product("libm.so.6"), "libm.so.6");
}
