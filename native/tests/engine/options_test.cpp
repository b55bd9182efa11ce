#include "check.hpp"
#include "hazure/engine/provider_options.hpp"

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
  CHECK_EQ(folder, "/cache/" + std::string(32, 'a') + "_NVIDIA-H100-80GB_sm9.0_fp16_ort1.29.0_trt101303");
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
