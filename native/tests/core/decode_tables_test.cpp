#include <algorithm>
#include <array>
#include <cmath>

#include "check.hpp"
#include "hazure/detections.hpp"
#include "picture.hpp"
#include "problems.hpp"

// Heads that hand out boxes, and instance masks, against the same numbers read in double.
using namespace hazure;

namespace {

using testing::Random;
using testing::Tensor;

struct Expected {
  double x1, y1, x2, y2, score;
  int class_id;
};

std::array<double, 4> corners_of(const float* four, BoxFormat format, BoxUnits units, double width, double height) {
  const double sx = units == BoxUnits::kUnit ? width : 1;
  const double sy = units == BoxUnits::kUnit ? height : 1;
  switch (format) {
    case BoxFormat::kCorners:
      return {four[0] * sx, four[1] * sy, four[2] * sx, four[3] * sy};
    case BoxFormat::kCornersYx:
      return {four[1] * sx, four[0] * sy, four[3] * sx, four[2] * sy};
    default:
      return {(four[0] - four[2] / 2.0) * sx, (four[1] - four[3] / 2.0) * sy, (four[0] + four[2] / 2.0) * sx,
              (four[1] + four[3] / 2.0) * sy};
  }
}

/** Four numbers of a box that lies inside the input, in the order and unit asked for. */
std::array<float, 4> random_box(Random& random, BoxFormat format, BoxUnits units, double width, double height) {
  const double x = random.real(0.2, 0.8), y = random.real(0.2, 0.8), w = random.real(0.05, 0.3), h = random.real(0.05, 0.3);
  const double sx = units == BoxUnits::kUnit ? 1 : width;
  const double sy = units == BoxUnits::kUnit ? 1 : height;
  const auto f = [](double value) { return static_cast<float>(value); };
  if (format == BoxFormat::kCentre) return {f(x * sx), f(y * sy), f(w * sx), f(h * sy)};
  const float x1 = f((x - w / 2) * sx), y1 = f((y - h / 2) * sy), x2 = f((x + w / 2) * sx), y2 = f((y + h / 2) * sy);
  if (format == BoxFormat::kCorners) return {x1, y1, x2, y2};
  return {y1, x1, y2, x2};
}

/** No suppression, identity placement: the candidates in order of confidence are the answer. */
void check_rows(const std::vector<Detection>& came, std::vector<Expected> wanted) {
  std::stable_sort(wanted.begin(), wanted.end(), [](const Expected& a, const Expected& b) { return a.score > b.score; });
  CHECK_EQ(came.size(), wanted.size());
  for (std::size_t i = 0; i < std::min(came.size(), wanted.size()); ++i) {
    CHECK_NEAR(came[i].x1, wanted[i].x1, 1e-3, "row ", i);
    CHECK_NEAR(came[i].y1, wanted[i].y1, 1e-3, "row ", i);
    CHECK_NEAR(came[i].x2, wanted[i].x2, 1e-3, "row ", i);
    CHECK_NEAR(came[i].y2, wanted[i].y2, 1e-3, "row ", i);
    CHECK_NEAR(came[i].confidence, wanted[i].score, 1e-5, "row ", i);
    CHECK_EQ(static_cast<int>(came[i].class_id), wanted[i].class_id, "row ", i);
  }
}

constexpr int kWidth = 96;
constexpr int kHeight = 64;

std::vector<std::vector<Detection>> decoded(const HeadSpec& head, const std::vector<Tensor>& tensors, int batch,
                                            float confidence, std::vector<std::vector<InstanceMask>>* masks = nullptr) {
  std::vector<TensorView> views;
  for (const Tensor& tensor : tensors) views.push_back({tensor.name, tensor.dims, tensor.data.data()});
  const std::vector<DetectionSource> sources(std::size_t(batch), DetectionSource{kWidth, kHeight, {}});
  const DetectOptions options{.confidence = confidence, .iou = 1, .max_detections = 1000, .class_ids = std::nullopt};
  std::vector<std::vector<Detection>> results;
  ThreadPool pool(2);
  decode_detections(head, views, kWidth, kHeight, sources, options, results, pool, masks);
  return results;
}

double score_of(const std::vector<float>& columns, int column, ScoreActivation activation) {
  if (activation == ScoreActivation::kNone) return columns[std::size_t(column)];
  if (activation == ScoreActivation::kSigmoid) return 1 / (1 + std::exp(-double(columns[std::size_t(column)])));
  double total = 0;
  for (const float value : columns) total += std::exp(double(value));
  return std::exp(double(columns[std::size_t(column)])) / total;
}

}  // namespace

TEST(decode_tables, boxes_with_scores_in_every_layout) {
  Random random(71);
  for (int round = 0; round < 120; ++round) {
    const int classes = random.integer(1, 20), first = random.integer(0, 1), after = random.integer(0, 1);
    const int columns = first + classes + after, anchors = random.integer(1, 60), batch = random.integer(1, 3);
    BoxesHead head{.classes = classes, .boxes_output = "boxes", .scores_output = "scores"};
    head.format = static_cast<BoxFormat>(random.integer(0, 2));
    head.units = static_cast<BoxUnits>(random.integer(0, 1));
    head.activation = static_cast<ScoreActivation>(random.integer(0, 2));
    head.first_class = first;
    head.suppress = false;
    const bool joined = random.integer(0, 2) == 0;
    head.scores_by_class = !joined && random.integer(0, 1) == 0;
    if (joined) head.scores_output = head.boxes_output;
    Tensor boxes{"boxes", {batch, anchors, joined ? 4 + columns : 4}, {}};
    Tensor scores{"scores", head.scores_by_class ? std::vector<std::int64_t>{batch, columns, anchors} : std::vector<std::int64_t>{batch, anchors, columns},
                  std::vector<float>(std::size_t(batch * anchors * columns))};
    std::vector<std::vector<Expected>> wanted(static_cast<std::size_t>(batch));
    for (int n = 0; n < batch; ++n) {
      for (int a = 0; a < anchors; ++a) {
        const auto four = random_box(random, head.format, head.units, kWidth, kHeight);
        boxes.data.insert(boxes.data.end(), four.begin(), four.end());
        std::vector<float> row;
        for (int c = 0; c < columns; ++c) {
          row.push_back(head.activation == ScoreActivation::kNone ? testing::random_score(random) : float(random.real(-5, 3)));
          const std::size_t at = head.scores_by_class ? std::size_t((n * columns + c) * anchors + a) : std::size_t((n * anchors + a) * columns + c);
          scores.data[at] = row.back();
        }
        if (joined) boxes.data.insert(boxes.data.end(), row.begin(), row.end());
        const auto best = std::max_element(row.begin() + first, row.begin() + first + classes);
        const double score = score_of(row, int(best - row.begin()), head.activation);
        if (score <= 0.25) continue;
        const auto [x1, y1, x2, y2] = corners_of(four.data(), head.format, head.units, kWidth, kHeight);
        wanted[std::size_t(n)].push_back({x1, y1, x2, y2, score, int(best - row.begin()) - first});
      }
    }
    std::vector<Tensor> tensors{boxes};
    if (!joined) tensors.push_back(scores);
    const auto came = decoded(head, tensors, batch, 0.25F);
    for (std::size_t n = 0; n < came.size(); ++n) check_rows(came[n], wanted[n]);
  }
}

TEST(decode_tables, boxes_are_suppressed_where_the_head_says_so) {
  const Tensor rows{"rows", {1, 2, 5}, {10, 10, 30, 30, 0.9F, 11, 10, 31, 30, 0.8F}};
  BoxesHead head{.classes = 1, .boxes_output = "rows", .scores_output = "rows"};
  const std::vector<TensorView> views{{rows.name, rows.dims, rows.data.data()}};
  const std::vector<DetectionSource> sources{{kWidth, kHeight, {}}};
  std::vector<std::vector<Detection>> results;
  ThreadPool pool(1);
  decode_detections(head, views, kWidth, kHeight, sources, {}, results, pool);
  CHECK_EQ(results[0].size(), 1U);
  head.suppress = false;
  decode_detections(head, views, kWidth, kHeight, sources, {}, results, pool);
  CHECK_EQ(results[0].size(), 2U);
}

TEST(decode_tables, a_table_in_one_output_or_in_four) {
  Random random(72);
  for (int round = 0; round < 120; ++round) {
    const int classes = random.integer(1, 20), batch = random.integer(1, 3), rows = random.integer(1, 40);
    TableHead head{.classes = classes, .boxes_output = "boxes"};
    head.format = static_cast<BoxFormat>(random.integer(0, 2));
    head.units = static_cast<BoxUnits>(random.integer(0, 1));
    head.first_class = random.integer(0, 1);
    const bool apart = random.integer(0, 1) == 0;
    const bool counted = random.integer(0, 1) == 0;
    if (apart) {
      head.scores_output = "scores";
      head.classes_output = "classes";
    }
    if (counted) head.count_output = "count";
    Tensor boxes{"boxes", {batch, rows, apart ? 4 : 6}, {}}, scores{"scores", {batch, rows}, {}}, numbers{"classes", {batch, rows}, {}}, count{"count", {batch, 1}, {}};
    std::vector<std::vector<Expected>> wanted(static_cast<std::size_t>(batch));
    for (int n = 0; n < batch; ++n) {
      const int real = counted ? random.integer(0, rows) : rows;
      count.data.push_back(float(real));
      for (int r = 0; r < rows; ++r) {
        const auto four = random_box(random, head.format, head.units, kWidth, kHeight);
        const float score = testing::random_score(random);
        const int class_id = random.integer(-head.first_class, classes - 1);
        boxes.data.insert(boxes.data.end(), four.begin(), four.end());
        if (!apart) boxes.data.insert(boxes.data.end(), {score, float(class_id + head.first_class)});
        scores.data.push_back(score);
        numbers.data.push_back(float(class_id + head.first_class));
        if (r >= real || score <= 0.25F || class_id < 0) continue;
        const auto [x1, y1, x2, y2] = corners_of(four.data(), head.format, head.units, kWidth, kHeight);
        wanted[std::size_t(n)].push_back({x1, y1, x2, y2, score, class_id});
      }
    }
    std::vector<Tensor> tensors{boxes};
    if (apart) tensors.insert(tensors.end(), {scores, numbers});
    if (counted) tensors.push_back(count);
    const auto came = decoded(head, tensors, batch, 0.25F);
    for (std::size_t n = 0; n < came.size(); ++n) check_rows(came[n], wanted[n]);
  }
}

TEST(decode_tables, rows_of_several_images_in_one_list) {
  // YOLOv7: image, box, class, score.
  const Tensor named{"output", {3, 7}, {1, 1, 2, 11, 12, 0, 0.9F, 0, 3, 4, 13, 14, 1, 0.8F, 1, 5, 6, 15, 16, 1, 0.7F}};
  TableHead head{.classes = 2, .boxes_output = "output"};
  head.image_column = 0;
  head.box_column = 1;
  head.class_column = 5;
  head.score_column = 6;
  auto came = decoded(head, {named}, 2, 0.25F);
  CHECK_EQ(came[0].size(), 1U);
  CHECK_EQ(came[1].size(), 2U);
  CHECK_NEAR(came[0][0].x1, 3, 1e-6);
  CHECK_NEAR(came[1][1].y2, 16, 1e-6);
  // PaddleDetection: class, score, box, and how many of each image.
  const Tensor paddle{"rows", {3, 6}, {0, 0.9F, 1, 2, 11, 12, 1, 0.8F, 3, 4, 13, 14, 1, 0.7F, 5, 6, 15, 16}};
  const Tensor count{"count", {2}, {1, 2}};
  TableHead counted{.classes = 2, .boxes_output = "rows", .count_output = "count"};
  counted.class_column = 0;
  counted.score_column = 1;
  counted.box_column = 2;
  came = decoded(counted, {paddle, count}, 2, 0.25F);
  CHECK_EQ(came[0].size(), 1U);
  CHECK_EQ(came[1].size(), 2U);
  CHECK_NEAR(came[1][0].x1, 3, 1e-6);
  // Nothing found at all.
  const Tensor none{"rows", {0, 6}, {}};
  const Tensor zero{"count", {2}, {0, 0}};
  came = decoded(counted, {none, zero}, 2, 0.25F);
  CHECK_EQ(came[0].size() + came[1].size(), 0U);
}

TEST(decode_tables, refuses_what_the_tensors_refute) {
  const float nan = std::nanf("");
  TableHead head{.classes = 2, .boxes_output = "t"};
  const auto run = [&](Tensor tensor, const TableHead& with) { decoded(with, {std::move(tensor)}, 1, 0.25F); };
  CHECK_REFUSED(kModel, "class 2", run({"t", {1, 1, 6}, {1, 1, 5, 5, 0.9F, 2}}, head));
  CHECK_REFUSED(kModel, "class 0.5", run({"t", {1, 1, 6}, {1, 1, 5, 5, 0.9F, 0.5F}}, head));
  CHECK_REFUSED(kModel, "NaN", run({"t", {1, 1, 6}, {1, 1, 5, 5, nan, 0}}, head));
  CHECK_REFUSED(kModel, "NaN or infinite", run({"t", {1, 1, 6}, {nan, 1, 5, 5, 0.9F, 0}}, head));
  CHECK_REFUSED(kModel, "sigmoid", run({"t", {1, 1, 6}, {1, 1, 5, 5, 5.0F, 0}}, head));
  CHECK_REFUSED(kModel, "[N, rows, 6 or more]", run({"t", {1, 1, 5}, {1, 1, 5, 5, 0.9F}}, head));
  CHECK_REFUSED(kModel, "output named t", run({"u", {1, 1, 6}, {1, 1, 5, 5, 0.9F, 0}}, TableHead{.classes = 2, .boxes_output = "t"}));
  TableHead elsewhere = head;
  elsewhere.class_column = 100'000;
  CHECK_REFUSED(kInput, "columns", run({"t", {1, 1, 6}, {1, 1, 5, 5, 0.9F, 0}}, elsewhere));
  BoxesHead boxes{.classes = 3, .boxes_output = "t", .scores_output = "t"};
  CHECK_REFUSED(kModel, "at least 3", decoded(boxes, {{"t", {1, 1, 6}, {1, 1, 5, 5, 0.9F, 0}}}, 1, 0.25F));
  std::vector<std::vector<InstanceMask>> masks;
  CHECK_REFUSED(kInput, "masks are asked", decoded(head, {{"t", {1, 1, 6}, {1, 1, 5, 5, 0.9F, 0}}}, 1, 0.25F, &masks));
}

TEST(decode_tables, nanodet_plus_in_one_output_equals_its_parts) {
  Random random(73);
  for (int round = 0; round < 20; ++round) {
    const testing::Problem parts = testing::nanodet_problem(random, 2);
    const auto& split = std::get<NanodetHead>(parts.head);
    const auto find = [&](const std::string& name) {
      return *std::find_if(parts.tensors.begin(), parts.tensors.end(), [&](const Tensor& t) { return t.name == name; });
    };
    const std::int64_t columns = split.classes + 4 * (split.reg_max + 1);
    Tensor joined{"output", {2, 0, columns}, {}};
    for (int n = 0; n < 2; ++n) {
      for (std::size_t s = 0; s < split.strides.size(); ++s) {
        const Tensor scores = find(split.score_outputs[s]), sides = find(split.distance_outputs[s]);
        const std::int64_t cells = scores.dims[1];
        if (n == 0) joined.dims[1] += cells;
        for (std::int64_t c = 0; c < cells; ++c) {
          const auto take = [&](const Tensor& from) {
            const auto first = from.data.begin() + (n * cells + c) * from.dims[2];
            joined.data.insert(joined.data.end(), first, first + from.dims[2]);
          };
          take(scores);
          take(sides);
        }
      }
    }
    NanodetHead head = split;
    head.score_outputs = head.distance_outputs = {"output"};
    const std::vector<DetectionSource> sources(2, DetectionSource{200, 150, {0.5, 0.4, 1, 2}});
    std::vector<std::vector<Detection>> apart, together;
    ThreadPool pool(2);
    const std::vector<TensorView> views{{joined.name, joined.dims, joined.data.data()}};
    decode_detections(parts.head, parts.views(), parts.width, parts.height, sources, {}, apart, pool);
    decode_detections(head, views, parts.width, parts.height, sources, {}, together, pool);
    for (std::size_t n = 0; n < 2; ++n) {
      CHECK_EQ(apart[n].size(), together[n].size());
      for (std::size_t i = 0; i < apart[n].size(); ++i) {
        CHECK_EQ(apart[n][i].x1, together[n][i].x1);
        CHECK_EQ(apart[n][i].y2, together[n][i].y2);
        CHECK_EQ(apart[n][i].confidence, together[n][i].confidence);
      }
    }
  }
}
