#include "hazure/cuda/detections.hpp"

#include <algorithm>
#include <limits>

#include "device.hpp"
#include "problems.hpp"

using namespace hazure;

namespace {

/** A problem's tensors in device memory. */
struct Uploaded {
  std::vector<testing::OnDevice<float>> memory;
  std::vector<TensorView> views;

  explicit Uploaded(const testing::Problem& problem) {
    memory.reserve(problem.tensors.size());
    for (const testing::Tensor& tensor : problem.tensors) {
      memory.emplace_back(tensor.data);
      views.push_back({tensor.name, tensor.dims, memory.back().data()});
    }
  }
};

/** How far any candidate's confidence is from the threshold: nearer than exp's error, device and CPU may differ. */
double margin_of(const testing::Problem& problem, float confidence) {
  double margin = 1;
  for (const auto& image : problem.images) {
    for (const auto& anchor : image) {
      margin = std::min(margin, std::abs(*std::max_element(anchor.scores.begin(), anchor.scores.end()) - double(confidence)));
    }
  }
  return margin;
}

template <typename Make>
void compare_with_cpu(Make&& make, double box_tolerance) {
  testing::need_device();
  testing::Random random(77);
  cuda::Workspace workspace;
  ThreadPool pool;
  int compared = 0;
  for (int round = 0; round < testing::kRounds; ++round) {
    const testing::Problem problem = make(random, random.integer(1, 4));
    DetectOptions options{.confidence = float(random.real(0.05, 0.6)), .iou = float(random.real(0.2, 0.8)), .max_detections = random.integer(1, 200), .class_ids = std::nullopt};
    if (random.integer(0, 3) == 0) options.class_ids = std::vector<int>{0};
    if (box_tolerance > 0 && margin_of(problem, options.confidence) < 1e-5) continue;
    const std::vector<DetectionSource> sources(std::size_t(problem.batch), DetectionSource{200, 150, {0.5, 0.4, 3, -2}});
    std::vector<std::vector<Detection>> expected, came;
    decode_detections(problem.head, problem.views(), problem.width, problem.height, sources, options, expected, pool);
    const Uploaded uploaded(problem);
    cuda::decode_detections(problem.head, uploaded.views, problem.width, problem.height, sources, options, came, workspace, nullptr);
    for (std::size_t n = 0; n < sources.size(); ++n) {
      CHECK_EQ(came[n].size(), expected[n].size(), "round ", round);
      for (std::size_t i = 0; i < came[n].size(); ++i) {
        const Detection& a = came[n][i];
        const Detection& b = expected[n][i];
        CHECK_NEAR(a.x1, b.x1, box_tolerance, "round ", round);
        CHECK_NEAR(a.y1, b.y1, box_tolerance, "round ", round);
        CHECK_NEAR(a.x2, b.x2, box_tolerance, "round ", round);
        CHECK_NEAR(a.y2, b.y2, box_tolerance, "round ", round);
        CHECK_NEAR(a.confidence, b.confidence, box_tolerance > 0 ? 1e-5 : 0, "round ", round);
        CHECK_EQ(a.class_id, b.class_id, "round ", round);
      }
    }
    ++compared;
  }
  CHECK(2 * compared > testing::kRounds, "compared ", compared);
}

}  // namespace

TEST(cuda_decode, yolov8_gives_the_bits_of_the_cpu) { compare_with_cpu(testing::yolov8_problem, 0); }
TEST(cuda_decode, yolov5_gives_the_bits_of_the_cpu) {
  compare_with_cpu([](testing::Random& random, int batch) { return testing::rows_problem(random, batch, false); }, 0);
}
// 200 px × 1e-5, rounded up: the sources above are that large.
TEST(cuda_decode, yolox_within_tolerance) {
  compare_with_cpu([](testing::Random& random, int batch) { return testing::rows_problem(random, batch, true); }, 4e-3);
}
TEST(cuda_decode, nanodet_within_tolerance) { compare_with_cpu(testing::nanodet_problem, 4e-3); }
TEST(cuda_decode, detr_within_tolerance) { compare_with_cpu(testing::detr_problem, 4e-3); }

TEST(cuda_decode, thousands_of_candidates_are_sorted_in_global_memory) {
  testing::need_device();
  const int anchors = 9000;
  testing::Problem problem{.head = Yolov8Head{1}, .width = 1000, .height = 1000};
  testing::Tensor tensor{"o", {1, 5, anchors}, std::vector<float>(std::size_t(5 * anchors))};
  testing::Random random(4);
  for (int a = 0; a < anchors; ++a) {
    const float values[5] = {float(a % 100) * 10 + 5, float(a / 100) * 10 + 5, 12, 12, float(random.integer(1, 900)) / 1000.0F};
    for (int i = 0; i < 5; ++i) tensor.data[std::size_t(i * anchors + a)] = values[i];
  }
  problem.tensors.push_back(std::move(tensor));
  const DetectionSource source{1000, 1000, {}};
  const DetectOptions options{.confidence = 0.0F, .iou = 0.05F, .max_detections = anchors, .class_ids = std::nullopt};
  ThreadPool pool;
  std::vector<std::vector<Detection>> expected, came;
  decode_detections(problem.head, problem.views(), 1000, 1000, {&source, 1}, options, expected, pool);
  const Uploaded uploaded(problem);
  cuda::Workspace workspace;
  cuda::decode_detections(problem.head, uploaded.views, 1000, 1000, {&source, 1}, options, came, workspace, nullptr);
  CHECK_EQ(came[0].size(), expected[0].size());
  CHECK(std::memcmp(came[0].data(), expected[0].data(), came[0].size() * sizeof(Detection)) == 0);
}

TEST(cuda_decode, the_first_of_equal_classes_wins) {
  testing::need_device();
  cuda::Workspace workspace;
  // 68 and 40 lie in other lanes of a warp than 35, and 67 in the same.
  constexpr int kClasses = 70;
  std::vector<float> scores(kClasses, 0.1F);
  for (const int tied : {35, 40, 67, 68}) scores[std::size_t(tied)] = 0.75F;
  const DetectionSource source{16, 16, {}};
  const auto class_of = [&](testing::Problem problem) {
    const Uploaded uploaded(problem);
    std::vector<std::vector<Detection>> results;
    cuda::decode_detections(problem.head, uploaded.views, 16, 16, {&source, 1}, {}, results, workspace, nullptr);
    CHECK_EQ(results[0].size(), 1U);
    return results[0][0].class_id;
  };
  testing::Problem columns{.head = Yolov8Head{kClasses}};
  columns.tensors.push_back({"o", {1, 4 + kClasses, 1}, {5, 5, 4, 4}});
  columns.tensors[0].data.insert(columns.tensors[0].data.end(), scores.begin(), scores.end());
  CHECK_EQ(class_of(columns), 35);
  testing::Problem rows{.head = Yolov5Head{kClasses}};
  rows.tensors.push_back({"o", {1, 1, 5 + kClasses}, {5, 5, 4, 4, 1}});
  rows.tensors[0].data.insert(rows.tensors[0].data.end(), scores.begin(), scores.end());
  CHECK_EQ(class_of(rows), 35);
}

TEST(cuda_decode, faults_of_the_model_are_the_errors_of_the_cpu) {
  testing::need_device();
  cuda::Workspace workspace;
  const auto with = [&](std::vector<float> data) {
    testing::Problem problem{.head = Yolov8Head{1}};
    problem.tensors.push_back({"o", {1, 5, 1}, std::move(data)});
    const Uploaded uploaded(problem);
    const DetectionSource source{16, 16, {}};
    std::vector<std::vector<Detection>> results;
    cuda::decode_detections(problem.head, uploaded.views, 16, 16, {&source, 1}, {}, results, workspace, nullptr);
    return results[0].size();
  };
  CHECK_EQ(with({5, 5, 4, 4, 0.9F}), 1U);
  CHECK_REFUSED(kModel, "NaN", with({5, 5, 4, 4, std::numeric_limits<float>::quiet_NaN()}));
  CHECK_REFUSED(kModel, "sigmoid", with({5, 5, 4, 4, 7}));
  CHECK_REFUSED(kModel, "infinite", with({5, 5, std::numeric_limits<float>::infinity(), 4, 0.9F}));
}
