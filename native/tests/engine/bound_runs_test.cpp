#include "hazure/engine/bound_runs.hpp"

#include <algorithm>

#include "hazure/engine/failure.hpp"
#include "runtime.hpp"

using namespace hazure;

// On the CPU no graph is captured, but all that a graph needs can be seen: what comes back is bound to the same tensors
// and named by the same id, and nothing else is. That a provider captures and replays them: cuda_emulation/provider.

namespace {

constexpr std::size_t kSide = 16;

/** The place of a slot's input tensor. */
class Place {
 public:
  explicit Place(std::size_t most_rows) : pixels_(most_rows * 3 * kSide * kSide) {}

  Ort::Value tensor(std::size_t rows, float brightness) {
    std::fill(pixels_.begin(), pixels_.end(), brightness);
    const std::int64_t dims[]{static_cast<std::int64_t>(rows), 3, kSide, kSide};
    return Ort::Value::CreateTensor<float>(memory_, pixels_.data(), rows * 3 * kSide * kSide, dims, 4);
  }

 private:
  std::vector<float> pixels_;
  Ort::MemoryInfo memory_ = Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault);
};

struct Fixture {
  std::shared_ptr<Session> session;
  Ort::MemoryInfo memory{nullptr};
  std::unique_ptr<BoundRuns> runs;

  Fixture() {
    open_runtime();
    SessionOptions options;
    options.device = DeviceChoice::kCpu;
    session = Session::load(model("embedder"), options);
    memory = Ort::MemoryInfo("Cpu", OrtDeviceAllocator, 0, OrtMemTypeDefault);
    runs = std::make_unique<BoundRuns>(session);
  }

  std::vector<Ort::Value> infer(Place& place, std::size_t rows, float brightness,
                                std::vector<const char*> outputs = {"features"}) {
    return runs->run(place.tensor(rows, brightness), outputs, memory);
  }
  /** The same inference on nothing that was ever bound before. */
  std::vector<float> fresh(std::size_t rows, float brightness) {
    Place place(rows);
    BoundRuns once(session);
    const char* features = "features";
    return values_of(once.run(place.tensor(rows, brightness), std::span(&features, 1), memory)[0]);
  }
  static std::vector<float> values_of(const Ort::Value& value) {
    const auto* data = value.GetTensorData<float>();
    return {data, data + value.GetTensorTypeAndShapeInfo().GetElementCount()};
  }
};

}  // namespace

TEST(bound_runs, a_shape_that_comes_back_keeps_its_tensors_and_gets_one_graph) {
  Fixture fixture;
  Place place(4);
  const void* outputs = nullptr;
  for (int round = 0; round < 5; ++round) {
    const auto brightness = static_cast<float>(round) * 0.2F;
    const auto values = fixture.infer(place, 3, brightness);
    CHECK(Fixture::values_of(values[0]) == fixture.fresh(3, brightness), "round ", round);
    if (round == 0) outputs = values[0].GetTensorRawData();
    CHECK(values[0].GetTensorRawData() == outputs, "round ", round);
    CHECK_EQ(fixture.runs->graphs(), round == 0 ? 0 : 1);
  }
}

TEST(bound_runs, each_shape_and_each_choice_of_outputs_has_its_own) {
  Fixture fixture;
  Place place(4);
  for (int round = 0; round < 3; ++round) {
    for (const std::size_t rows : {4, 2, 1}) {
      CHECK(Fixture::values_of(fixture.infer(place, rows, 0.5F)[0]) == fixture.fresh(rows, 0.5F));
    }
    const auto both = fixture.infer(place, 4, 0.5F, {"map", "features"});
    CHECK_EQ(both[0].GetTensorTypeAndShapeInfo().GetShape().size(), 4U);
    CHECK(Fixture::values_of(both[1]) == fixture.fresh(4, 0.5F));
  }
  CHECK_EQ(fixture.runs->graphs(), 4);
}

TEST(bound_runs, shapes_that_never_come_back_get_no_graph) {
  Fixture fixture;
  Place place(40);
  for (std::size_t rows = 1; rows <= 40; ++rows) fixture.infer(place, rows, 0.5F);
  CHECK_EQ(fixture.runs->graphs(), 0);
}

TEST(bound_runs, tensors_that_moved_are_another_graph) {
  Fixture fixture;
  Place first(4);
  Place second(4);
  for (int round = 0; round < 2; ++round) fixture.infer(first, 4, 0.5F);
  CHECK_EQ(fixture.runs->graphs(), 1);
  for (int round = 0; round < 2; ++round) {
    CHECK(Fixture::values_of(fixture.infer(second, 4, 0.25F)[0]) == fixture.fresh(4, 0.25F));
    CHECK_EQ(fixture.runs->graphs(), 1 + round);
  }
  // Back at the first place, what was captured there is not trusted any more.
  fixture.infer(first, 4, 0.5F);
  CHECK_EQ(fixture.runs->graphs(), 2);
}

TEST(bound_runs, a_slot_that_never_settles_stops_asking_for_graphs) {
  Fixture fixture;
  Place place(60);
  for (std::size_t rows = 1; rows <= 60; ++rows) {
    for (int round = 0; round < 2; ++round) {
      CHECK(Fixture::values_of(fixture.infer(place, rows, 0.5F)[0]) == fixture.fresh(rows, 0.5F));
    }
  }
  CHECK_EQ(fixture.runs->graphs(), 32);
}

TEST(bound_runs, a_failed_inference_forgets_what_was_captured_and_leaves_the_slot_usable) {
  Fixture fixture;
  Place place(4);
  for (int round = 0; round < 2; ++round) fixture.infer(place, 4, 0.5F);
  bool refused = false;
  try {
    fixture.infer(place, 4, 0.5F, {"nothing"});
  } catch (const Failure& failure) {
    refused = std::string(failure.code()) == "INPUT_INVALID";
  }
  CHECK(refused);
  fixture.infer(place, 4, 0.5F);
  CHECK_EQ(fixture.runs->graphs(), 1);
  CHECK(Fixture::values_of(fixture.infer(place, 4, 0.75F)[0]) == fixture.fresh(4, 0.75F));
  CHECK_EQ(fixture.runs->graphs(), 2);
}

TEST(bound_runs, an_abort_ends_inferences_under_a_graph_too) {
  Fixture fixture;
  Place place(4);
  for (int round = 0; round < 2; ++round) fixture.infer(place, 4, 0.5F);
  fixture.session->abort();
  for (const std::size_t rows : {4, 4, 2, 2}) {
    bool interrupted = false;
    try {
      fixture.infer(place, rows, 0.5F);
    } catch (const Failure& failure) {
      interrupted = std::string(failure.code()) == "INTERRUPTED";
    }
    CHECK(interrupted, rows);
  }
}
