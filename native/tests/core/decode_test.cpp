#include <algorithm>
#include <array>
#include <optional>

#include "check.hpp"
#include "hazure/detections.hpp"
#include "picture.hpp"
#include "problems.hpp"

using namespace hazure;

namespace {

using testing::detr_problem;
using testing::nanodet_problem;
using testing::Problem;
using testing::Random;
using testing::rows_problem;
using testing::yolov8_problem;

struct NaiveResult {
  std::vector<std::array<double, 6>> rows;
  /** Smallest distance of any decision from turning the other way. */
  double margin = 1;
};

NaiveResult naive_detections(const std::vector<Problem::Anchor>& anchors, const DetectionSource& source,
                             const DetectOptions& options, bool suppress) {
  NaiveResult result;
  struct Candidate {
    double x1, y1, x2, y2, score;
    int class_id;
  };
  std::vector<Candidate> candidates;
  for (const Problem::Anchor& anchor : anchors) {
    const auto best = std::max_element(anchor.scores.begin(), anchor.scores.end());
    result.margin = std::min(result.margin, std::abs(*best - double(options.confidence)));
    const int id = int(best - anchor.scores.begin());
    const bool wanted = !options.class_ids || std::count(options.class_ids->begin(), options.class_ids->end(), id) != 0;
    if (*best > double(options.confidence) && wanted) {
      candidates.push_back({anchor.cx - anchor.w / 2, anchor.cy - anchor.h / 2, anchor.cx + anchor.w / 2, anchor.cy + anchor.h / 2, *best, id});
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  for (std::size_t i = 1; i < candidates.size(); ++i) {
    result.margin = std::min(result.margin, candidates[i - 1].score - candidates[i].score);
  }
  std::vector<Candidate> kept;
  for (const Candidate& box : candidates) {
    bool survives = true;
    for (const Candidate& other : kept) {
      if (!suppress || other.class_id != box.class_id) continue;
      const double both = std::max(0.0, std::min(box.x2, other.x2) - std::max(box.x1, other.x1)) * std::max(0.0, std::min(box.y2, other.y2) - std::max(box.y1, other.y1));
      const double overlap = both / ((box.x2 - box.x1) * (box.y2 - box.y1) + (other.x2 - other.x1) * (other.y2 - other.y1) - both);
      result.margin = std::min(result.margin, std::abs(overlap - double(options.iou)));
      survives = survives && overlap <= double(options.iou);
    }
    if (!survives) continue;
    kept.push_back(box);
    const Placement& p = source.placement;
    const double x1 = std::clamp((box.x1 - p.offset_x) / p.scale_x, 0.0, double(source.width_px));
    const double y1 = std::clamp((box.y1 - p.offset_y) / p.scale_y, 0.0, double(source.height_px));
    const double x2 = std::clamp((box.x2 - p.offset_x) / p.scale_x, 0.0, double(source.width_px));
    const double y2 = std::clamp((box.y2 - p.offset_y) / p.scale_y, 0.0, double(source.height_px));
    if (x2 <= x1 || y2 <= y1) continue;
    result.rows.push_back({x1, y1, x2, y2, box.score, double(box.class_id)});
    if (int(result.rows.size()) == options.max_detections) break;
  }
  return result;
}

template <typename Make>
void compare_with_naive(Make&& make) {
  testing::for_each_kernel_set([&](const std::string& isa) {
    Random random(21);
    ThreadPool pool(2);
    int compared = 0;
    for (int round = 0; round < 60; ++round) {
      const Problem problem = make(random, random.integer(1, 3));
      DetectOptions options{.confidence = float(random.real(0.1, 0.6)), .iou = float(random.real(0.2, 0.8)), .max_detections = random.integer(1, 60), .class_ids = std::nullopt};
      if (random.integer(0, 3) == 0) options.class_ids = std::vector<int>{0};
      std::vector<DetectionSource> sources;
      for (int n = 0; n < problem.batch; ++n) {
        sources.push_back({random.integer(20, 300), random.integer(20, 300), {random.real(0.3, 3), random.real(0.3, 3), random.real(-20, 20), random.real(-20, 20)}});
      }
      std::vector<std::vector<Detection>> results;
      decode_detections(problem.head, problem.views(), problem.width, problem.height, sources, options, results, pool);
      CHECK_EQ(results.size(), sources.size());
      for (std::size_t n = 0; n < sources.size(); ++n) {
        const NaiveResult expected = naive_detections(problem.images[n], sources[n], options, problem.suppress);
        if (expected.margin < 1e-6) continue;  // float and double may rightly decide differently
        ++compared;
        CHECK_EQ(results[n].size(), expected.rows.size(), "with ", isa, ", round ", round);
        for (std::size_t i = 0; i < expected.rows.size(); ++i) {
          const Detection& came = results[n][i];
          const float values[6] = {came.x1, came.y1, came.x2, came.y2, came.confidence, came.class_id};
          for (std::size_t v = 0; v < 6; ++v) CHECK_NEAR(values[v], expected.rows[i][v], v < 4 ? 2e-3 : 1e-6, "with ", isa, ", round ", round, ", row ", i, ", value ", v);
        }
      }
    }
    CHECK(compared >= 40, "compared ", compared);
  });
}

}  // namespace

TEST(decode, yolov8_equals_naive_double) { compare_with_naive(yolov8_problem); }
TEST(decode, yolov5_equals_naive_double) {
  compare_with_naive([](Random& random, int batch) { return rows_problem(random, batch, false); });
}
TEST(decode, yolox_equals_naive_double) {
  compare_with_naive([](Random& random, int batch) { return rows_problem(random, batch, true); });
}
TEST(decode, nanodet_equals_naive_double) { compare_with_naive(nanodet_problem); }
TEST(decode, detr_equals_naive_double) { compare_with_naive(detr_problem); }

TEST(decode, batch_equals_single_and_threads_do_not_matter) {
  Random random(33);
  const Problem problem = yolov8_problem(random, 4);
  std::vector<DetectionSource> sources(4, DetectionSource{640, 480, {0.15, 0.15, 0, 8}});
  DetectOptions options{.confidence = 0.05F, .iou = 0.5F, .max_detections = 100, .class_ids = std::nullopt};
  ThreadPool one(1);
  ThreadPool many(4);
  std::vector<std::vector<Detection>> together, threaded, single;
  decode_detections(problem.head, problem.views(), 96, 64, sources, options, together, one);
  decode_detections(problem.head, problem.views(), 96, 64, sources, options, threaded, many);
  const std::size_t image = problem.tensors[0].data.size() / 4;
  for (std::size_t n = 0; n < 4; ++n) {
    auto dims = problem.tensors[0].dims;
    dims[0] = 1;
    const TensorView view{"output0", dims, problem.tensors[0].data.data() + n * image};
    decode_detections(problem.head, {&view, 1}, 96, 64, {&sources[n], 1}, options, single, one);
    const auto same = [&](const std::vector<Detection>& rows) {
      return rows.size() == single[0].size() && std::memcmp(rows.data(), single[0].data(), rows.size() * sizeof(Detection)) == 0;
    };
    CHECK(!single[0].empty());
    CHECK(same(together[n]), n);
    CHECK(same(threaded[n]), n);
  }
}

TEST(decode, fewer_sources_than_the_padded_batch) {
  Random random(3);
  const Problem problem = yolov8_problem(random, 4);
  const std::vector<DetectionSource> sources(2, DetectionSource{96, 64, {}});
  ThreadPool pool(1);
  std::vector<std::vector<Detection>> results(7);
  decode_detections(problem.head, problem.views(), 96, 64, sources, {}, results, pool);
  CHECK_EQ(results.size(), 2U);
}

TEST(decode, nms_sees_the_30000_most_confident_only) {
  // 40,000 separate boxes: all survive NMS, so the cap alone decides.
  const int anchors = 40'000;
  std::vector<float> data(std::size_t(5) * anchors);
  for (int a = 0; a < anchors; ++a) {
    data[std::size_t(a)] = float(a % 200) * 10 + 5;
    data[std::size_t(anchors + a)] = float(a / 200) * 10 + 5;
    data[std::size_t(2 * anchors + a)] = data[std::size_t(3 * anchors + a)] = 8;
    data[std::size_t(4 * anchors + a)] = 0.3F + 0.00001F * float(a);
  }
  const std::vector<std::int64_t> dims{1, 5, anchors};
  const TensorView view{"o", dims, data.data()};
  const DetectionSource source{2000, 2000, {}};
  ThreadPool pool(1);
  std::vector<std::vector<Detection>> results;
  decode_detections(Yolov8Head{1}, {&view, 1}, 2000, 2000, {&source, 1}, {.confidence = 0.1F, .iou = 0.5F, .max_detections = 100'000, .class_ids = std::nullopt}, results, pool);
  CHECK_EQ(results[0].size(), std::size_t(kMaxNmsCandidates));
  CHECK_NEAR(results[0].back().confidence, 0.4, 1e-4);
}

TEST(decode, boxes_in_the_padding_are_dropped) {
  // One anchor inside the picture, one in the letterbox bar above it.
  const std::vector<float> data{50, 50, 50, 5, 20, 20, 10, 4, 0.9F, 0.95F};
  const std::vector<std::int64_t> dims{1, 5, 2};
  const TensorView view{"o", dims, data.data()};
  const DetectionSource source{200, 160, {0.5, 0.5, 0, 10}};
  ThreadPool pool(1);
  std::vector<std::vector<Detection>> results;
  decode_detections(Yolov8Head{1}, {&view, 1}, 100, 100, {&source, 1}, {}, results, pool);
  CHECK_EQ(results[0].size(), 1U);
  CHECK_NEAR(results[0][0].x1, 80, 1e-4);
  CHECK_NEAR(results[0][0].y1, 70, 1e-4);
}
