#include <algorithm>
#include <array>
#include <optional>

#include "check.hpp"
#include "hazure/detections.hpp"
#include "picture.hpp"

using namespace hazure;

namespace {

struct Tensor {
  std::string name;
  std::vector<std::int64_t> dims;
  std::vector<float> data;
};

/** A head, random outputs for it, and the same anchors decoded in double: cx cy w h and scores by class. */
struct Problem {
  HeadSpec head{};
  std::vector<Tensor> tensors{};
  int width = 96;
  int height = 64;
  int batch = 1;
  struct Anchor {
    double cx, cy, w, h;
    std::vector<double> scores;
  };
  std::vector<std::vector<Anchor>> images{};
  bool suppress = true;

  [[nodiscard]] std::vector<TensorView> views() const {
    std::vector<TensorView> all;
    for (const Tensor& tensor : tensors) all.push_back({tensor.name, tensor.dims, tensor.data.data()});
    return all;
  }
};

using testing::Random;

/** Mostly low scores, some high, as detectors give. */
float random_score(Random& random) {
  return static_cast<float>(random.integer(0, 9) == 0 ? random.real(0.2, 1.0) : random.real(0.0, 0.2));
}

std::vector<double> random_scores(Random& random, int classes) {
  std::vector<double> scores;
  for (int c = 0; c < classes; ++c) scores.push_back(random_score(random));
  return scores;
}

Problem yolov8_problem(Random& random, int batch) {
  Problem problem{.head = Yolov8Head{random.integer(1, 90)}, .batch = batch};
  const int classes = std::get<Yolov8Head>(problem.head).classes;
  const int anchors = random.integer(1, 400);
  Tensor tensor{"output0", {batch, 4 + classes, anchors}, std::vector<float>(std::size_t(batch * (4 + classes) * anchors))};
  for (int n = 0; n < batch; ++n) {
    auto& image = problem.images.emplace_back();
    float* base = tensor.data.data() + n * (4 + classes) * anchors;
    for (int a = 0; a < anchors; ++a) {
      const float box[4] = {float(random.real(-5, 100)), float(random.real(-5, 70)), float(random.real(1, 60)), float(random.real(1, 60))};
      image.push_back({box[0], box[1], box[2], box[3], random_scores(random, classes)});
      for (int i = 0; i < 4; ++i) base[i * anchors + a] = box[i];
      for (int c = 0; c < classes; ++c) base[(4 + c) * anchors + a] = float(image.back().scores[std::size_t(c)]);
    }
  }
  problem.tensors.push_back(std::move(tensor));
  return problem;
}

Problem rows_problem(Random& random, int batch, bool yolox) {
  const int classes = random.integer(1, 90);
  Problem problem{.batch = batch};
  const std::vector<int> strides{8, 16, 32};
  std::vector<std::array<int, 3>> cells;  // column, row, stride
  if (yolox) {
    problem.head = YoloxHead{classes, strides};
    for (const int stride : strides) {
      for (int y = 0; y < problem.height / stride; ++y) {
        for (int x = 0; x < problem.width / stride; ++x) cells.push_back({x, y, stride});
      }
    }
  } else {
    problem.head = Yolov5Head{classes};
    cells.resize(std::size_t(random.integer(1, 300)));
  }
  const int anchors = int(cells.size());
  Tensor tensor{"output", {batch, anchors, 5 + classes}, {}};
  for (int n = 0; n < batch; ++n) {
    auto& image = problem.images.emplace_back();
    for (int a = 0; a < anchors; ++a) {
      float box[4];
      Problem::Anchor anchor{};
      if (yolox) {
        for (int i = 0; i < 2; ++i) box[i] = float(random.real(-1, 1.5));
        for (int i = 2; i < 4; ++i) box[i] = float(random.real(-1, 1.5));
        const auto [x, y, stride] = cells[std::size_t(a)];
        anchor = {(double(box[0]) + x) * stride, (double(box[1]) + y) * stride, std::exp(double(box[2])) * stride,
                  std::exp(double(box[3])) * stride, {}};
      } else {
        for (int i = 0; i < 4; ++i) box[i] = float(random.real(1, 60));
        anchor = {box[0], box[1], box[2], box[3], {}};
      }
      tensor.data.insert(tensor.data.end(), box, box + 4);
      const float objectness = random_score(random) > 0.15F ? float(random.real(0.5, 1)) : float(random.real(0, 0.3));
      tensor.data.push_back(objectness);
      for (const double score : random_scores(random, classes)) {
        tensor.data.push_back(float(score));
        anchor.scores.push_back(double(objectness * float(score)));
      }
      image.push_back(anchor);
    }
  }
  problem.tensors.push_back(std::move(tensor));
  return problem;
}

Problem nanodet_problem(Random& random, int batch) {
  NanodetHead head{.classes = random.integer(1, 90), .strides = {8, 16}, .reg_max = random.integer(3, 10), .score_outputs = {}, .distance_outputs = {}};
  Problem problem{.width = 92, .height = 60, .batch = batch};  // not divisible: the grid is rounded up
  problem.images.resize(std::size_t(batch));
  for (const int stride : head.strides) {
    const int columns = (problem.width + stride - 1) / stride;
    const int rows = (problem.height + stride - 1) / stride;
    Tensor scores{"cls" + std::to_string(stride), {batch, columns * rows, head.classes}, {}};
    Tensor distances{"dis" + std::to_string(stride), {batch, columns * rows, 4 * (head.reg_max + 1)}, {}};
    for (int n = 0; n < batch; ++n) {
      for (int cell = 0; cell < columns * rows; ++cell) {
        const auto anchor_scores = random_scores(random, head.classes);
        for (const double score : anchor_scores) scores.data.push_back(float(score));
        double side[4];
        for (double& distance : side) {
          double total = 0, sum = 0;
          for (int bin = 0; bin <= head.reg_max; ++bin) {
            const float logit = float(random.real(-6, 6));
            distances.data.push_back(logit);
            total += std::exp(double(logit));
            sum += bin * std::exp(double(logit));
          }
          distance = sum / total * stride;
        }
        const double x = (cell % columns + 0.5) * stride;
        const double y = (cell / columns + 0.5) * stride;
        problem.images[std::size_t(n)].push_back({x + (side[2] - side[0]) / 2, y + (side[3] - side[1]) / 2, side[0] + side[2], side[1] + side[3], anchor_scores});
      }
    }
    head.score_outputs.push_back(scores.name);
    head.distance_outputs.push_back(distances.name);
    problem.tensors.push_back(std::move(distances));
    problem.tensors.push_back(std::move(scores));
  }
  problem.head = head;
  return problem;
}

Problem detr_problem(Random& random, int batch) {
  const int classes = random.integer(1, 90);
  const int queries = random.integer(1, 120);
  Problem problem{.head = DetrHead{classes, "logits", "boxes"}, .batch = batch, .suppress = false};
  Tensor logits{"logits", {batch, queries, classes}, {}};
  Tensor boxes{"boxes", {batch, queries, 4}, {}};
  for (int n = 0; n < batch; ++n) {
    auto& image = problem.images.emplace_back();
    for (int q = 0; q < queries; ++q) {
      float box[4];
      for (float& value : box) value = float(random.real(0.05, 0.95));
      boxes.data.insert(boxes.data.end(), box, box + 4);
      image.push_back({double(box[0]) * problem.width, double(box[1]) * problem.height, double(box[2]) * problem.width, double(box[3]) * problem.height, {}});
      for (int c = 0; c < classes; ++c) {
        logits.data.push_back(float(random.real(-6, random.integer(0, 9) == 0 ? 4 : -1)));
        image.back().scores.push_back(1 / (1 + std::exp(-double(logits.data.back()))));
      }
    }
  }
  problem.tensors.push_back(std::move(boxes));
  problem.tensors.push_back(std::move(logits));
  return problem;
}

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
