#include "convert.hpp"

namespace hazure {
namespace {

constexpr int kMaxBatch = 65'536;
constexpr std::int64_t kMaxBytes = std::int64_t{1} << 50;

CudaOptions to_cuda_options(const Fields& fields) {
  static constexpr std::array<std::pair<const char*, ArenaGrowth>, 2> growths{
      {{"power-of-two", ArenaGrowth::kPowerOfTwo}, {"same-as-requested", ArenaGrowth::kSameAsRequested}}};
  static constexpr std::array<std::pair<const char*, ConvolutionSearch>, 3> searches{
      {{"exhaustive", ConvolutionSearch::kExhaustive},
       {"heuristic", ConvolutionSearch::kHeuristic},
       {"default", ConvolutionSearch::kDefault}}};
  fields.only({"memoryLimitBytes", "arenaGrowth", "convolutionSearch", "convolutionMaxWorkspace", "tf32", "preferNhwc",
               "deviceTensors", "graphs"});
  CudaOptions options;
  if (fields.has("memoryLimitBytes")) {
    options.memory_limit_bytes = static_cast<std::uint64_t>(fields.whole("memoryLimitBytes", 1, kMaxBytes));
  }
  if (fields.has("arenaGrowth")) options.arena_growth = fields.word("arenaGrowth", growths);
  if (fields.has("convolutionMaxWorkspace")) options.convolution_max_workspace = fields.flag("convolutionMaxWorkspace");
  if (fields.has("tf32")) options.tf32 = fields.flag("tf32");
  if (fields.has("preferNhwc")) options.prefer_nhwc = fields.flag("preferNhwc");
  if (fields.has("deviceTensors")) options.device_tensors = fields.flag("deviceTensors");
  if (fields.has("graphs")) options.graphs = fields.flag("graphs");
  if (fields.has("convolutionSearch")) options.convolution_search = fields.word("convolutionSearch", searches);
  return options;
}

TensorRtOptions to_tensorrt_options(const Fields& fields) {
  fields.only({"cacheDir", "modelHash", "workspaceBytes", "optimisationLevel", "contextMemorySharing",
               "auxiliaryStreams", "minSubgraphSize", "layerNormFp32", "batch"});
  TensorRtOptions options;
  if (fields.has("cacheDir")) options.cache_dir = fields.text("cacheDir");
  if (fields.has("modelHash")) options.model_hash = fields.text("modelHash");
  if (fields.has("workspaceBytes")) {
    options.workspace_bytes = static_cast<std::uint64_t>(fields.whole("workspaceBytes", 1, kMaxBytes));
  }
  if (fields.has("optimisationLevel")) {
    options.optimisation_level = static_cast<int>(fields.whole("optimisationLevel", 0, 5));
  }
  if (fields.has("contextMemorySharing")) options.context_memory_sharing = fields.flag("contextMemorySharing");
  if (fields.has("auxiliaryStreams")) {
    options.auxiliary_streams = static_cast<int>(fields.whole("auxiliaryStreams", 0, 64));
  }
  if (fields.has("minSubgraphSize")) options.min_subgraph_size = static_cast<int>(fields.whole("minSubgraphSize", 1, 100'000));
  if (fields.has("layerNormFp32")) options.layer_norm_fp32 = fields.flag("layerNormFp32");
  if (fields.has("batch")) {
    const Fields batch = fields.object("batch");
    options.batch.min = static_cast<int>(batch.whole("min", 1, kMaxBatch));
    options.batch.optimal = static_cast<int>(batch.whole("optimal", options.batch.min, kMaxBatch));
    options.batch.max = static_cast<int>(batch.whole("max", options.batch.optimal, kMaxBatch));
  }
  return options;
}

}  // namespace

SessionOptions to_session_options(const Napi::Value& value, const std::string& path) {
  static constexpr std::array<std::pair<const char*, DeviceChoice>, 4> devices{{{"auto", DeviceChoice::kAuto},
                                                                                {"cpu", DeviceChoice::kCpu},
                                                                                {"cuda", DeviceChoice::kCuda},
                                                                                {"tensorrt", DeviceChoice::kTensorRt}}};
  static constexpr std::array<std::pair<const char*, PrecisionChoice>, 3> precisions{
      {{"auto", PrecisionChoice::kAuto}, {"fp32", PrecisionChoice::kFp32}, {"fp16", PrecisionChoice::kFp16}}};
  SessionOptions options;
  if (value.IsUndefined()) return options;
  const Fields fields(value, path);
  fields.only({"device", "deviceId", "precision", "threads", "streams", "spin", "cuda", "tensorrt"});
  if (fields.has("device")) options.device = fields.word("device", devices);
  if (fields.has("deviceId")) options.device_id = static_cast<int>(fields.whole("deviceId", 0, 1023));
  if (fields.has("precision")) options.precision = fields.word("precision", precisions);
  if (fields.has("threads")) options.threads = static_cast<int>(fields.whole("threads", 0, 1024));
  if (fields.has("streams")) options.streams = static_cast<int>(fields.whole("streams", 0, 1024));
  if (fields.has("spin")) options.spin = fields.flag("spin");
  if (fields.has("cuda")) options.cuda = to_cuda_options(fields.object("cuda"));
  if (fields.has("tensorrt")) options.tensorrt = to_tensorrt_options(fields.object("tensorrt"));
  return options;
}

}  // namespace hazure
