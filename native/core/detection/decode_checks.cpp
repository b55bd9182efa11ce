#include "detection/decode_checks.hpp"

#include <cmath>
#include <string>

#include "hazure/error.hpp"

namespace hazure {
namespace {

void check_fraction(const char* name, float value) {
  if (!(value >= 0.0F && value <= 1.0F)) {
    throw Error(ErrorKind::kInput, std::string(name) + " must be 0 to 1, came " + std::to_string(value),
                "Correct the detection options.");
  }
}

void check_source(const DetectionSource& source, std::size_t index) {
  const Placement& p = source.placement;
  const bool finite = std::isfinite(p.scale_x) && std::isfinite(p.scale_y) && std::isfinite(p.offset_x) &&
                      std::isfinite(p.offset_y);
  if (source.width_px < 1 || source.height_px < 1 || !finite || p.scale_x <= 0 || p.scale_y <= 0) {
    throw Error(ErrorKind::kInput,
                "source " + std::to_string(index) + " needs a size of at least 1×1 px and a finite placement with " +
                    "scales above 0",
                "Pass the placements that preprocessing returned.");
  }
}

}  // namespace

void check_decode_arguments(std::span<const DetectionSource> sources, const DetectOptions& options) {
  check_fraction("confidence", options.confidence);
  check_fraction("iou", options.iou);
  if (options.max_detections < 1) {
    throw Error(ErrorKind::kInput, "maxDetections must be at least 1, came " + std::to_string(options.max_detections),
                "300 is a usual value.");
  }
  for (std::size_t i = 0; i < sources.size(); ++i) check_source(sources[i], i);
}

void refuse_nan_scores() {
  throw Error(ErrorKind::kModel, "the model's scores hold NaN",
              "Run it in fp32, and check that its preprocessing is the one it was trained with.");
}

void refuse_high_score() {
  throw Error(ErrorKind::kModel, "class scores should be sigmoid values of 0 to 1, one is above",
              "Choose the head kind that fits the model, or export it with its final sigmoid.");
}

void refuse_non_finite_box() {
  throw Error(ErrorKind::kModel, "a box above the threshold has a corner that is NaN or infinite",
              "Run the model in fp32, and check that the head kind fits it.");
}

}  // namespace hazure
