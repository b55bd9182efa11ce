#include <thread>

#include "hazure/engine/embedder.hpp"
#include "hazure/engine/failure.hpp"
#include "runtime.hpp"

using namespace hazure;

namespace {

SessionOptions on_cpu() {
  SessionOptions options;
  options.device = DeviceChoice::kCpu;
  return options;
}

}  // namespace

TEST(session, describes_and_runs_a_model) {
  open_runtime();
  const auto session = Session::load(model("embedder"), on_cpu());
  CHECK_EQ(session->description().inputs.size(), 1U);
  CHECK_EQ(session->description().metadata.at("dimensions"), "8");
  const std::vector<float> pixels(3 * 6 * 6, 0.5F);
  const FeedView feed{"image", ElementType::kFloat32, {1, 3, 6, 6}, pixels.data(), pixels.size() * sizeof(float)};
  const auto outputs = session->run(std::span(&feed, 1));
  CHECK_EQ(outputs.size(), 3U);
  CHECK_EQ(outputs[0].name, "features");
  CHECK_EQ(outputs[0].bytes, 8 * sizeof(float));
}

TEST(session, refuses_what_is_no_model_and_what_does_not_fit) {
  open_runtime();
  CHECK_REFUSED(kModel, "does not exist", Session::load("/nowhere/none.onnx", on_cpu()));
  CHECK_REFUSED(kModel, "not an ONNX model", Session::load(__FILE__, on_cpu()));
  Embedder::Config config{model("embedder"), {}, "none", true, on_cpu()};
  config.preprocess.width_px = config.preprocess.height_px = 16;
  bool refused = false;
  try {
    const Embedder embedder(config);
  } catch (const Error& error) {
    refused = std::string(error.what()).find("no output none") != std::string::npos;
  }
  CHECK(refused);
}

TEST(session, an_abort_from_another_thread_ends_a_run) {
  open_runtime();
  const auto session = Session::load(model("embedder"), on_cpu());
  const std::vector<float> pixels(3 * 1024 * 1024, 0.5F);
  const FeedView feed{"image", ElementType::kFloat32, {1, 3, 1024, 1024}, pixels.data(), pixels.size() * sizeof(float)};
  std::thread aborting([&] { session->abort(); });
  aborting.join();
  bool interrupted = false;
  try {
    session->run(std::span(&feed, 1));
  } catch (const Failure& failure) {
    interrupted = std::string(failure.code()) == "INTERRUPTED";
  }
  CHECK(interrupted);
}

TEST(session, a_library_that_is_none_is_refused) {
  bool refused = false;
  try {
    OrtLibrary::open("/nowhere/libonnxruntime.so.1");
  } catch (const Failure& failure) {
    refused = std::string(failure.code()) == "ADDON_UNAVAILABLE" && !failure.hint().empty();
  }
  CHECK(refused);
}
