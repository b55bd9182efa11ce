#pragma once

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "hazure/detections.hpp"
#include "picture.hpp"

// Random detector outputs, together with the same anchors decoded in double.
namespace testing {

using namespace hazure;

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

/** Mostly low scores, some high, as detectors give. */
inline float random_score(Random& random) {
  return static_cast<float>(random.integer(0, 9) == 0 ? random.real(0.2, 1.0) : random.real(0.0, 0.2));
}

inline std::vector<double> random_scores(Random& random, int classes) {
  std::vector<double> scores;
  for (int c = 0; c < classes; ++c) scores.push_back(random_score(random));
  return scores;
}

inline Problem yolov8_problem(Random& random, int batch) {
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

inline Problem rows_problem(Random& random, int batch, bool yolox) {
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

inline Problem nanodet_problem(Random& random, int batch) {
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

inline Problem detr_problem(Random& random, int batch) {
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

}  // namespace testing
