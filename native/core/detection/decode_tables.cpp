// Heads that hand out boxes instead of a network's raw maps: boxes with class scores, and finished tables.
#include <algorithm>
#include <cmath>
#include <string>

#include "detection/decode_checks.hpp"
#include "detection/decode_heads.hpp"
#include "hazure/error.hpp"

namespace hazure {
namespace {

float sigmoid(float logit) { return static_cast<float>(1.0 / (1.0 + std::exp(-double(logit)))); }

/** A box of four neighbouring numbers, in pixels of the model's input. */
void add_box(const float* four, BoxFormat format, BoxUnits units, const BoundHead& bound, float score,
             std::int32_t class_id, Candidates& candidates) {
  const float width = units == BoxUnits::kUnit ? static_cast<float>(bound.input_width_px) : 1.0F;
  const float height = units == BoxUnits::kUnit ? static_cast<float>(bound.input_height_px) : 1.0F;
  switch (format) {
    case BoxFormat::kCorners:
      candidates.add_corners(four[0] * width, four[1] * height, four[2] * width, four[3] * height, score, class_id);
      break;
    case BoxFormat::kCornersYx:
      candidates.add_corners(four[1] * width, four[0] * height, four[3] * width, four[2] * height, score, class_id);
      break;
    case BoxFormat::kCentre:
      candidates.add_centred(four[0] * width, four[1] * height, four[2] * width, four[3] * height, score, class_id);
      break;
  }
}

/** Share of the best class in a softmax over all columns. */
float softmax_share(const float* values, std::int64_t pitch, int columns, float best) {
  float highest = best;
  for (int c = 0; c < columns; ++c) highest = std::max(highest, values[c * pitch]);
  double total = 0;
  for (int c = 0; c < columns; ++c) total += std::exp(double(values[c * pitch]) - highest);
  return static_cast<float>(std::exp(double(best) - highest) / total);
}

}  // namespace

void collect(const BoxesHead& head, const BoundHead& bound, std::size_t image, const Preselection& preselection,
             Candidates& candidates) {
  const std::int64_t pitch = bound.scores.column_pitch;
  for (std::int64_t anchor = 0; anchor < bound.levels.front().anchors; ++anchor) {
    const float* columns = bound.scores.at(image, anchor);
    const float* scores = columns + head.first_class * pitch;
    float best = scores[0];
    std::int32_t class_id = 0;
    bool nan = std::isnan(best);
    for (int c = 1; c < head.classes; ++c) {
      const float value = scores[c * pitch];
      nan = nan || std::isnan(value);
      if (value > best) {
        best = value;
        class_id = c;
      }
    }
    if (nan) refuse_nan_scores();
    float score = best;
    if (head.activation == ScoreActivation::kSigmoid) {
      score = sigmoid(best);
    } else if (head.activation == ScoreActivation::kSoftmax) {
      score = softmax_share(columns, pitch, bound.score_columns, best);
      if (std::isnan(score)) refuse_nan_scores();
    }
    if (!preselection.wants(score, class_id)) continue;
    if (score > kHighestScore) refuse_high_score();
    add_box(bound.boxes.at(image, anchor), head.format, head.units, bound, score, class_id, candidates);
  }
}

void collect(const TableHead& head, const BoundHead& bound, std::size_t image, const Preselection& preselection,
             Candidates& candidates) {
  const BoundTable& table = bound.table;
  const auto [first, count] = table.rows[image];
  for (std::int64_t row = first; row < first + count; ++row) {
    if (table.image.data != nullptr && *table.image.at(0, row) != static_cast<float>(image)) continue;
    const float score = *table.scores.at(image, row);
    if (std::isnan(score)) refuse_nan_scores();
    if (!(score > preselection.confidence())) continue;
    if (score > kHighestScore) refuse_high_score();
    const float named = *table.classes.at(image, row);
    // Some exporters hand class numbers on as floats that a cast has not rounded.
    const float number = std::nearbyint(named) - static_cast<float>(head.first_class);
    if (!(std::abs(named - std::nearbyint(named)) < 0.01F) || number >= static_cast<float>(bound.classes)) {
      throw Error(ErrorKind::kModel,
                  "a row of the table is of class " + std::to_string(named) + ", but classes are " +
                      std::to_string(head.first_class) + " to " + std::to_string(head.first_class + bound.classes - 1),
                  "Give the names of all classes, and say by firstClass whether they are counted from 0 or from 1.");
    }
    if (number < 0 || !preselection.wants(score, static_cast<std::int32_t>(number))) continue;
    add_box(table.boxes.at(image, row), head.format, head.units, bound, score, static_cast<std::int32_t>(number),
            candidates);
    candidates.anchor.push_back(row);
  }
}

}  // namespace hazure
