#include <algorithm>
#include <cmath>
#include <numeric>

#include "check.hpp"
#include "hazure/detections.hpp"
#include "picture.hpp"
#include "problems.hpp"

using namespace hazure;

namespace {

using testing::Random;
using testing::Tensor;

/** The weighed prototypes at a source pixel's centre, in double; nearest cells count outside the grid. */
double logit_at(const Tensor& prototypes, const std::vector<float>& weights, std::size_t image, int x, int y,
                const DetectionSource& source, int input_width, int input_height) {
  const std::int64_t count = prototypes.dims[1], height = prototypes.dims[2], width = prototypes.dims[3];
  const Placement& p = source.placement;
  const double u = std::clamp(((x + 0.5) * p.scale_x + p.offset_x) * double(width) / input_width - 0.5, 0.0, double(width - 1));
  const double v = std::clamp(((y + 0.5) * p.scale_y + p.offset_y) * double(height) / input_height - 0.5, 0.0, double(height - 1));
  const auto cell = [&](std::int64_t column, std::int64_t row) {
    double sum = 0;
    for (std::int64_t k = 0; k < count; ++k) {
      const std::int64_t at = ((std::int64_t(image) * count + k) * height + std::min(row, height - 1)) * width + std::min(column, width - 1);
      sum += double(weights[std::size_t(k)]) * double(prototypes.data[std::size_t(at)]);
    }
    return sum;
  };
  const auto column = std::int64_t(u), row = std::int64_t(v);
  const double s = u - double(column), t = v - double(row);
  return (cell(column, row) * (1 - s) + cell(column + 1, row) * s) * (1 - t) + (cell(column, row + 1) * (1 - s) + cell(column + 1, row + 1) * s) * t;
}

std::vector<bool> pixels_of(const InstanceMask& mask) {
  std::vector<bool> pixels;
  bool inside = false;
  for (const std::uint32_t run : mask.runs) {
    pixels.insert(pixels.end(), run, inside);
    inside = !inside;
  }
  return pixels;
}

enum class Layout { kYolov8, kYolov5, kTable };

struct Scene {
  HeadSpec head;
  std::vector<Tensor> tensors;
  std::vector<std::vector<std::vector<float>>> weights;  // [image][anchor]
};

/** Anchors of one class with boxes and coefficients of their own; scores tell them apart. */
Scene make_scene(Random& random, Layout layout, int batch, int anchors, int width, int height) {
  const int count = random.integer(1, 8);
  const MaskSpec masks{count, "proto"};
  const int before = layout == Layout::kTable ? 6 : layout == Layout::kYolov5 ? 6 : 5;
  const int columns = before + count;
  Scene scene;
  Tensor rows{"output0", {batch, anchors, columns}, {}};
  Tensor across{"output0", {batch, columns, anchors}, std::vector<float>(std::size_t(batch * columns * anchors))};
  for (int n = 0; n < batch; ++n) {
    auto& image = scene.weights.emplace_back();
    for (int a = 0; a < anchors; ++a) {
      const float cx = float(random.real(0, width)), cy = float(random.real(0, height)), w = float(random.real(4, width)), h = float(random.real(4, height));
      const float score = 0.95F - 0.5F * float(a) / float(anchors);
      std::vector<float> row{cx, cy, w, h, score};
      if (layout == Layout::kYolov5) row = {cx, cy, w, h, score, 1};
      if (layout == Layout::kTable) row = {cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2, score, 0};
      auto& weights = image.emplace_back();
      for (int k = 0; k < count; ++k) weights.push_back(float(random.real(-1, 1)));
      row.insert(row.end(), weights.begin(), weights.end());
      rows.data.insert(rows.data.end(), row.begin(), row.end());
      for (int c = 0; c < columns; ++c) across.data[std::size_t((n * columns + c) * anchors + a)] = row[std::size_t(c)];
    }
  }
  const int ph = random.integer(2, 20), pw = random.integer(2, 24);
  Tensor prototypes{"proto", {batch, count, ph, pw}, {}};
  for (int i = 0; i < batch * count * ph * pw; ++i) prototypes.data.push_back(float(random.real(-1, 1)));
  switch (layout) {
    case Layout::kYolov8:
      scene.head = Yolov8Head{1, "", masks};
      break;
    case Layout::kYolov5:
      scene.head = Yolov5Head{1, "", masks};
      break;
    case Layout::kTable:
      scene.head = TableHead{.classes = 1, .boxes_output = "output0", .masks = masks};
  }
  scene.tensors = {layout == Layout::kYolov8 ? across : rows, prototypes};
  return scene;
}

}  // namespace

TEST(masks, equal_the_weighed_prototypes_in_double) {
  Random random(81);
  int pixels_compared = 0;
  for (int round = 0; round < 45; ++round) {
    const int width = 96, height = 64, batch = random.integer(1, 2), anchors = random.integer(1, 5);
    const Scene scene = make_scene(random, static_cast<Layout>(round % 3), batch, anchors, width, height);
    std::vector<DetectionSource> sources;
    for (int n = 0; n < batch; ++n) {
      sources.push_back({random.integer(10, 90), random.integer(10, 90), {random.real(0.5, 3), random.real(0.5, 3), random.real(-10, 10), random.real(-10, 10)}});
    }
    std::vector<TensorView> views;
    for (const Tensor& tensor : scene.tensors) views.push_back({tensor.name, tensor.dims, tensor.data.data()});
    std::vector<std::vector<Detection>> results;
    std::vector<std::vector<InstanceMask>> masks;
    ThreadPool pool(2);
    decode_detections(scene.head, views, width, height, sources, {.confidence = 0.1F, .iou = 1, .max_detections = 300, .class_ids = std::nullopt}, results, pool, &masks);
    for (std::size_t n = 0; n < sources.size(); ++n) {
      CHECK_EQ(results[n].size(), masks[n].size());
      const DetectionSource& source = sources[n];
      for (std::size_t i = 0; i < results[n].size(); ++i) {
        const Detection& box = results[n][i];
        const auto anchor = static_cast<std::size_t>(std::lround((0.95 - double(box.confidence)) / 0.5 * anchors));
        const auto pixels = pixels_of(masks[n][i]);
        CHECK_EQ(pixels.size(), std::size_t(source.width_px) * std::size_t(source.height_px));
        for (int x = 0; x < source.width_px; ++x) {
          for (int y = 0; y < source.height_px; ++y) {
            const bool inside_box = x >= int(std::floor(box.x1)) && x < int(std::ceil(box.x2)) && y >= int(std::floor(box.y1)) && y < int(std::ceil(box.y2));
            const double logit = logit_at(scene.tensors[1], scene.weights[n][anchor], n, x, y, source, width, height);
            if (inside_box && std::abs(logit) < 1e-5) continue;
            ++pixels_compared;
            CHECK_EQ(bool(pixels[std::size_t(x * source.height_px + y)]), inside_box && logit > 0, "round ", round, " pixel ", x, ",", y);
          }
        }
      }
    }
  }
  CHECK(pixels_compared > 50'000, "compared ", pixels_compared);
}

TEST(masks, boxes_are_those_of_the_same_head_without_masks) {
  Random random(82);
  const Scene scene = make_scene(random, Layout::kYolov8, 1, 5, 96, 64);
  std::vector<TensorView> views;
  for (const Tensor& tensor : scene.tensors) views.push_back({tensor.name, tensor.dims, tensor.data.data()});
  const std::vector<DetectionSource> sources{{96, 64, {}}};
  std::vector<std::vector<Detection>> plain, masked;
  std::vector<std::vector<InstanceMask>> masks;
  ThreadPool pool(1);
  decode_detections(scene.head, views, 96, 64, sources, {}, plain, pool);
  decode_detections(scene.head, views, 96, 64, sources, {}, masked, pool, &masks);
  CHECK_EQ(plain[0].size(), masked[0].size());
  for (std::size_t i = 0; i < plain[0].size(); ++i) CHECK_EQ(plain[0][i].x1, masked[0][i].x1);
}

TEST(masks, refused_prototypes) {
  Random random(83);
  Scene scene = make_scene(random, Layout::kYolov8, 1, 2, 96, 64);
  const std::vector<DetectionSource> sources{{96, 64, {}}};
  ThreadPool pool(1);
  const auto run = [&] {
    std::vector<TensorView> views;
    for (const Tensor& tensor : scene.tensors) views.push_back({tensor.name, tensor.dims, tensor.data.data()});
    std::vector<std::vector<Detection>> results;
    decode_detections(scene.head, views, 96, 64, sources, {}, results, pool);
  };
  scene.tensors[1].dims[1] += 1;
  CHECK_REFUSED(kModel, "proto should be [N, ", run());
  scene.tensors[1].dims = {1, 2};
  CHECK_REFUSED(kModel, "proto should be", run());
  std::get<Yolov8Head>(scene.head).masks.coefficients = 0;
  CHECK_REFUSED(kModel, "4 + classes", run());
}
