#include "detection/decode_heads.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "detection/decode_checks.hpp"
#include "hazure/error.hpp"
#include "kernels/kernels.hpp"

namespace hazure {
namespace {

void check_score(float score) {
  if (score > kHighestScore) refuse_high_score();
}

float sigmoid(float logit) { return static_cast<float>(1.0 / (1.0 + std::exp(-double(logit)))); }

void collect(const Yolov8Head&, const BoundHead& bound, std::size_t image, const Preselection& preselection,
             Candidates& candidates) {
  const kernels::KernelTable& kernel = kernels::active();
  const BoundHead::Level& level = bound.levels.front();
  const auto anchors = static_cast<std::ptrdiff_t>(level.anchors);
  const float* boxes = level.boxes + static_cast<std::ptrdiff_t>(image) * (4 + bound.classes + bound.masks.coefficients) * anchors;
  const float* scores = boxes + 4 * anchors;

  constexpr int kBlock = 256;
  kernels::ClassMax best[kBlock];
  for (std::ptrdiff_t start = 0; start < anchors; start += kBlock) {
    const int count = static_cast<int>(std::min<std::ptrdiff_t>(kBlock, anchors - start));
    if (kernel.class_max_columns(scores + start, anchors, bound.classes, count, best)) refuse_nan_scores();
    for (int i = 0; i < count; ++i) {
      if (!preselection.wants(best[i].score, best[i].class_id)) continue;
      check_score(best[i].score);
      const float* box = boxes + start + i;
      candidates.add_centred(box[0], box[anchors], box[2 * anchors], box[3 * anchors], best[i].score,
                             best[i].class_id);
      candidates.anchor.push_back(start + i);
    }
  }
}

/** Rows of cx cy w h objectness classes…; `add(row, anchor, score, class)` gets those above the threshold. */
template <typename Add>
void collect_objectness_rows(const BoundHead& bound, const float* rows, std::ptrdiff_t count,
                             const Preselection& preselection, Add&& add) {
  const kernels::KernelTable& kernel = kernels::active();
  for (std::ptrdiff_t i = 0; i < count; ++i) {
    const float* row = rows + i * (5 + bound.classes + bound.masks.coefficients);
    const float objectness = row[4];
    if (std::isnan(objectness)) refuse_nan_scores();
    // Class scores end at 1, so the product can't pass where objectness alone doesn't.
    if (!(objectness * kHighestScore > preselection.confidence())) continue;
    kernels::ClassMax best;
    if (kernel.class_max_row(row + 5, bound.classes, &best)) refuse_nan_scores();
    check_score(objectness);
    check_score(best.score);
    const float score = objectness * best.score;
    if (preselection.wants(score, best.class_id)) add(row, i, score, best.class_id);
  }
}

void collect(const Yolov5Head&, const BoundHead& bound, std::size_t image, const Preselection& preselection,
             Candidates& candidates) {
  const BoundHead::Level& level = bound.levels.front();
  const auto anchors = static_cast<std::ptrdiff_t>(level.anchors);
  const float* rows = level.boxes + static_cast<std::ptrdiff_t>(image) * anchors *
                                      (5 + bound.classes + bound.masks.coefficients);
  collect_objectness_rows(bound, rows, anchors, preselection,
                          [&](const float* row, std::ptrdiff_t anchor, float score, std::int32_t class_id) {
                            candidates.add_centred(row[0], row[1], row[2], row[3], score, class_id);
                            candidates.anchor.push_back(anchor);
                          });
}

void collect(const YoloxHead&, const BoundHead& bound, std::size_t image, const Preselection& preselection,
             Candidates& candidates) {
  std::ptrdiff_t all = 0;
  for (const BoundHead::Level& level : bound.levels) all += level.anchors;
  std::ptrdiff_t before = static_cast<std::ptrdiff_t>(image) * all;
  for (const BoundHead::Level& level : bound.levels) {
    const auto stride = static_cast<float>(level.stride);
    const auto add = [&](const float* row, std::ptrdiff_t cell, float score, std::int32_t class_id) {
      const auto column = static_cast<float>(cell % level.columns);
      const auto line = static_cast<float>(cell / level.columns);
      candidates.add_centred((row[0] + column) * stride, (row[1] + line) * stride, std::exp(row[2]) * stride,
                             std::exp(row[3]) * stride, score, class_id);
    };
    collect_objectness_rows(bound, level.boxes + before * (5 + bound.classes),
                            static_cast<std::ptrdiff_t>(level.anchors), preselection, add);
    before += level.anchors;
  }
}

/** Expected bin of a softmax over `bins` logits. */
float expected_bin(const float* logits, int bins) {
  float highest = logits[0];
  for (int i = 1; i < bins; ++i) highest = std::max(highest, logits[i]);
  float total = 0;
  float weighted = 0;
  for (int i = 0; i < bins; ++i) {
    const float weight = std::exp(logits[i] - highest);
    total += weight;
    weighted += weight * static_cast<float>(i);
  }
  return weighted / total;
}

void collect(const NanodetHead& head, const BoundHead& bound, std::size_t image, const Preselection& preselection,
             Candidates& candidates) {
  const kernels::KernelTable& kernel = kernels::active();
  const int bins = head.reg_max + 1;
  for (const BoundHead::Level& level : bound.levels) {
    const auto cells = static_cast<std::ptrdiff_t>(level.anchors);
    const auto stride = static_cast<float>(level.stride);
    // Scores and distances of one output lie in one row, else each is dense.
    const std::ptrdiff_t score_pitch = level.pitch == 0 ? bound.classes : level.pitch;
    const std::ptrdiff_t side_pitch = level.pitch == 0 ? std::ptrdiff_t{4} * bins : level.pitch;
    const auto n = static_cast<std::ptrdiff_t>(image);
    const float* scores = level.scores + n * (level.pitch == 0 ? cells * score_pitch : level.image_pitch);
    const float* distances = level.boxes + n * (level.pitch == 0 ? cells * side_pitch : level.image_pitch);
    for (std::ptrdiff_t cell = 0; cell < cells; ++cell) {
      kernels::ClassMax best;
      if (kernel.class_max_row(scores + cell * score_pitch, bound.classes, &best)) refuse_nan_scores();
      if (!preselection.wants(best.score, best.class_id)) continue;
      check_score(best.score);
      const float* side = distances + cell * side_pitch;
      const float x = (static_cast<float>(cell % level.columns) + 0.5F) * stride;
      const float y = (static_cast<float>(cell / level.columns) + 0.5F) * stride;
      candidates.add_corners(x - expected_bin(side, bins) * stride, y - expected_bin(side + bins, bins) * stride,
                             x + expected_bin(side + 2 * bins, bins) * stride,
                             y + expected_bin(side + 3 * bins, bins) * stride, best.score, best.class_id);
    }
  }
}

void collect(const DetrHead&, const BoundHead& bound, std::size_t image, const Preselection& preselection,
             Candidates& candidates) {
  const kernels::KernelTable& kernel = kernels::active();
  const BoundHead::Level& level = bound.levels.front();
  const auto queries = static_cast<std::ptrdiff_t>(level.anchors);
  const float* logits = level.scores + static_cast<std::ptrdiff_t>(image) * queries * bound.classes;
  const float* boxes = level.boxes + static_cast<std::ptrdiff_t>(image) * queries * 4;
  const auto width = static_cast<float>(bound.input_width_px);
  const auto height = static_cast<float>(bound.input_height_px);
  for (std::ptrdiff_t query = 0; query < queries; ++query) {
    kernels::ClassMax best;
    if (kernel.class_max_row(logits + query * bound.classes, bound.classes, &best)) refuse_nan_scores();
    const float score = sigmoid(best.score);
    if (!preselection.wants(score, best.class_id)) continue;
    const float* box = boxes + 4 * query;
    candidates.add_centred(box[0] * width, box[1] * height, box[2] * width, box[3] * height, score, best.class_id);
  }
}

}  // namespace

void Candidates::clear() {
  x1.clear();
  y1.clear();
  x2.clear();
  y2.clear();
  confidence.clear();
  class_id.clear();
  anchor.clear();
}

void Candidates::add_corners(float left, float top, float right, float bottom, float score,
                             std::int32_t class_index) {
  if (!std::isfinite(left) || !std::isfinite(top) || !std::isfinite(right) || !std::isfinite(bottom)) {
    refuse_non_finite_box();
  }
  x1.push_back(left);
  y1.push_back(top);
  x2.push_back(right);
  y2.push_back(bottom);
  confidence.push_back(score);
  class_id.push_back(class_index);
}

void Candidates::add_centred(float centre_x, float centre_y, float width, float height, float score,
                             std::int32_t class_index) {
  const float half_width = width * 0.5F;
  const float half_height = height * 0.5F;
  add_corners(centre_x - half_width, centre_y - half_height, centre_x + half_width, centre_y + half_height, score,
              class_index);
}

Preselection::Preselection(const DetectOptions& options, int classes) : confidence_(options.confidence) {
  if (!options.class_ids) return;
  wanted_.assign(static_cast<std::size_t>(classes), 0);
  for (const int class_id : *options.class_ids) {
    if (class_id < 0 || class_id >= classes) {
      throw Error(ErrorKind::kInput,
                  "class ids of this model are 0 to " + std::to_string(classes - 1) + ", came " +
                      std::to_string(class_id),
                  "Look the ids up in the model's class names.");
    }
    wanted_[static_cast<std::size_t>(class_id)] = 1;
  }
}

void collect_candidates(const BoundHead& bound, std::size_t image, const Preselection& preselection,
                        Candidates& candidates) {
  std::visit([&](const auto& head) { collect(head, bound, image, preselection, candidates); }, *bound.head);
}

}  // namespace hazure
