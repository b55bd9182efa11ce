#pragma once

#include <cuda_runtime_api.h>

#include <filesystem>

#include "hazure/engine/detector.hpp"
#include "hazure/engine/device_slot.hpp"
#include "hazure/engine/embedder.hpp"
#include "hazure/engine/failure.hpp"
#include "picture.hpp"
#include "runtime.hpp"

// ONNX Runtime's own CUDA provider on the emulated device: its sessions, arena, bindings and graphs are real, the
// device's memory is the host's. Run by libs/native-engine/bench/check-cuda-provider.mjs, skipped where the provider is not there.

namespace testing {

using namespace hazure;

inline void need_provider() {
  open_runtime();
  std::error_code ignored;
  const auto folder = std::filesystem::path(std::getenv("HAZURE_ONNXRUNTIME")).parent_path();
  if (!std::filesystem::exists(folder / "libonnxruntime_providers_cuda.so", ignored)) {
    SKIP("no CUDA provider beside " + (folder / "libonnxruntime.so").string());
  }
  if (const char* stand_ins = std::getenv("HAZURE_STAND_INS"); stand_ins == nullptr) {
    SKIP("only under libs/native-engine/bench/check-cuda-provider.mjs");
  }
  emulated_device.reset();
}

inline SessionOptions on(DeviceChoice device, bool graphs = false) {
  SessionOptions options;
  options.device = device;
  options.cuda.graphs = graphs;
  return options;
}

inline Embedder::Config embedder(const SessionOptions& session) {
  Embedder::Config config{model("products"), {}, "features", true, session};
  config.preprocess.width_px = config.preprocess.height_px = 16;
  return config;
}

struct Pictures {
  std::vector<testing::Picture> pictures;
  std::vector<Region> regions;

  explicit Pictures(int count, unsigned seed = 3) {
    for (int i = 0; i < count; ++i) pictures.push_back(testing::make_picture("noise", 40 + 3 * i, 30 + i, seed + static_cast<unsigned>(i)));
    for (const auto& picture : pictures) regions.push_back({picture.view(), std::nullopt});
  }
};

inline std::vector<float> embed(Embedder& model, PreparedBatch& batch, std::span<const Region> regions) {
  std::vector<float> rows(regions.size() * model.dimensions());
  model.prepare(regions, batch);
  model.embed(batch, rows.data());
  return rows;
}

inline std::vector<std::vector<Detection>> detect(Detector& model, PreparedBatch& batch, std::span<const Region> images) {
  std::vector<std::vector<Detection>> results(images.size());
  model.prepare(images, batch);
  model.detect(batch, images, DetectOptions{}, results);
  return results;
}

inline Detector::Config detector(const SessionOptions& session) {
  Detector::Config config{model("products"), {}, DetrHead{2, "logits", "boxes"}, session};
  config.preprocess.width_px = config.preprocess.height_px = 16;
  return config;
}

inline void check_rows(const std::vector<float>& came, const std::vector<float>& wanted, const std::string& when) {
  CHECK_EQ(came.size(), wanted.size(), when);
  for (std::size_t i = 0; i < came.size(); ++i) CHECK_NEAR(came[i], wanted[i], 1e-5, "value ", i, " ", when);
}

/** The reference: the same batches on the CPU. */
inline std::vector<float> on_cpu(std::span<const Region> regions) {
  static Embedder cpu(embedder(on(DeviceChoice::kCpu)));
  PreparedBatch batch;
  return embed(cpu, batch, regions);
}

}  // namespace testing
