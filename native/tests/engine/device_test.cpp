#include "hazure/engine/detector.hpp"
#include "hazure/engine/embedder.hpp"
#include "hazure/engine/failure.hpp"
#include "hazure/system_info.hpp"
#include "runtime.hpp"

using namespace hazure;

// A GPU must give what the CPU gives. Skipped where no device or no provider library is there; tolerances: fp32 1e-3
// of a unit row (TF32 convolutions), fp16 2e-2.

namespace {

std::vector<std::uint8_t> pixels(int width, int height, unsigned seed) {
  std::vector<std::uint8_t> data(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  for (auto& value : data) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<std::uint8_t>(seed >> 24);
  }
  return data;
}

struct Pictures {
  std::vector<std::vector<std::uint8_t>> data;
  std::vector<Region> regions;

  explicit Pictures(int count) {
    for (int i = 0; i < count; ++i) data.push_back(pixels(50 + 11 * i, 90 - 7 * i, static_cast<unsigned>(i + 1)));
    for (int i = 0; i < count; ++i) {
      regions.push_back({{data[static_cast<std::size_t>(i)].data(), 50 + 11 * i, 90 - 7 * i, 0}, std::nullopt});
    }
  }
};

void need_device() {
  open_runtime();
  const CudaInfo cuda = cuda_info();
  if (!cuda.unavailable.empty()) throw check::Skip{cuda.unavailable};
}

/** Loads on a device, or skips when its provider can't be had. */
template <typename Model, typename Config>
std::unique_ptr<Model> load_or_skip(const Config& config) {
  try {
    return std::make_unique<Model>(config);
  } catch (const Failure& failure) {
    if (std::string(failure.code()) == "DEVICE_UNAVAILABLE") throw check::Skip{failure.what()};
    throw;
  }
}

SessionOptions on(DeviceChoice device, bool device_tensors, PrecisionChoice precision) {
  SessionOptions options;
  options.device = device;
  options.precision = precision;
  options.cuda.device_tensors = device_tensors;
  return options;
}

std::vector<float> embed(const SessionOptions& session, std::span<const Region> regions, bool may_skip) {
  Embedder::Config config{model("embedder"), {}, "features", true, session};
  config.preprocess.width_px = config.preprocess.height_px = 64;
  const auto embedder = may_skip ? load_or_skip<Embedder>(config) : std::make_unique<Embedder>(config);
  PreparedBatch batch;
  std::vector<float> rows(regions.size() * embedder->dimensions());
  // With graphs the first is run as it comes, the second captured, the third replayed.
  for (int round = 0; round < (session.cuda.graphs ? 3 : 1); ++round) {
    embedder->prepare(regions, batch);
    embedder->embed(batch, rows.data());
  }
  return rows;
}

std::vector<std::vector<Detection>> detect(const SessionOptions& session, std::span<const Region> images, bool may_skip) {
  Detector::Config config{model("detector"), {}, Yolov8Head{2}, session};
  config.preprocess.width_px = config.preprocess.height_px = 64;
  const auto detector = may_skip ? load_or_skip<Detector>(config) : std::make_unique<Detector>(config);
  PreparedBatch batch;
  std::vector<std::vector<Detection>> results(images.size());
  for (int round = 0; round < (session.cuda.graphs ? 3 : 1); ++round) {
    detector->prepare(images, batch);
    detector->detect(batch, images, DetectOptions{}, results);
  }
  return results;
}

void compare(DeviceChoice device, PrecisionChoice precision, double tolerance, bool graphs = false) {
  need_device();
  const Pictures pictures(6);
  const SessionOptions cpu = on(DeviceChoice::kCpu, true, PrecisionChoice::kAuto);
  const auto wanted_rows = embed(cpu, pictures.regions, false);
  const auto wanted_boxes = detect(cpu, pictures.regions, false);
  for (const bool device_tensors : {true, false}) {
    if (graphs && !device_tensors) continue;
    SessionOptions options = on(device, device_tensors, precision);
    options.cuda.graphs = graphs;
    const auto rows = embed(options, pictures.regions, true);
    for (std::size_t i = 0; i < rows.size(); ++i) CHECK_NEAR(rows[i], wanted_rows[i], tolerance, "value ", i);
    const auto boxes = detect(options, pictures.regions, true);
    for (std::size_t image = 0; image < boxes.size(); ++image) {
      CHECK(!wanted_boxes[image].empty());
      // The best box is far from every threshold; weaker ones may fall on the other side of one.
      const Detection& best = boxes[image].at(0);
      CHECK_NEAR(best.confidence, wanted_boxes[image][0].confidence, tolerance, "image ", image);
    }
  }
}

}  // namespace

TEST(device, cuda_gives_what_the_cpu_gives) { compare(DeviceChoice::kCuda, PrecisionChoice::kAuto, 1e-3); }

TEST(device, cuda_graphs_give_what_the_cpu_gives) {
  compare(DeviceChoice::kCuda, PrecisionChoice::kAuto, 1e-3, true);
}

TEST(device, tensorrt_gives_what_the_cpu_gives) { compare(DeviceChoice::kTensorRt, PrecisionChoice::kFp32, 1e-3); }

TEST(device, tensorrt_fp16_is_near_the_cpu) { compare(DeviceChoice::kTensorRt, PrecisionChoice::kFp16, 2e-2); }

TEST(session, a_device_that_is_not_there_is_refused_by_name) {
  open_runtime();
  SessionOptions options = on(DeviceChoice::kCuda, true, PrecisionChoice::kAuto);
  options.device_id = 1000;
  CHECK_REFUSED(kDevice, "cuda cannot be used", Session::load(model("embedder"), options));
}
