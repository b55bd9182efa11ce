#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hazure/detections.hpp"
#include "hazure/nms.hpp"

namespace hazure {

/** Boxes above the threshold of one image, as columns, in anchor order, in model-input pixels. */
struct Candidates {
  std::vector<float> x1;
  std::vector<float> y1;
  std::vector<float> x2;
  std::vector<float> y2;
  std::vector<float> confidence;
  std::vector<std::int32_t> class_id;

  void clear();
  /** @throws Error(kModel) when a corner is not finite */
  void add_corners(float left, float top, float right, float bottom, float score, std::int32_t class_index);
  void add_centred(float centre_x, float centre_y, float width, float height, float score, std::int32_t class_index);
  [[nodiscard]] BoxColumns columns() const { return {x1, y1, x2, y2, confidence, class_id}; }
};

/** Threshold and class filter. */
class Preselection {
 public:
  /** @throws Error(kInput) for a class id outside 0…classes − 1 */
  Preselection(const DetectOptions& options, int classes);
  [[nodiscard]] bool wants(float score, std::int32_t class_id) const {
    return score > confidence_ && (wanted_.empty() || wanted_[static_cast<std::size_t>(class_id)] != 0);
  }
  [[nodiscard]] float confidence() const { return confidence_; }
  /** 1 by class id where it is wanted; empty = all are. */
  [[nodiscard]] std::span<const std::uint8_t> wanted() const { return wanted_; }

 private:
  float confidence_;
  std::vector<std::uint8_t> wanted_;
};

/** The outputs a head reads, looked up and checked once per batch. */
struct BoundHead {
  struct Level {
    const float* scores = nullptr;  // or the only output
    const float* boxes = nullptr;
    std::int64_t anchors = 0;
    int stride = 0;
    int columns = 0;  // cells in a row
  };
  const HeadSpec* head = nullptr;
  std::vector<Level> levels{};
  int classes = 0;
  int input_width_px = 0;
  int input_height_px = 0;
};

/** @throws Error(kModel), Error(kInput) as decode_detections says */
BoundHead bind_head(const HeadSpec& head, std::span<const TensorView> outputs, int input_width_px,
                    int input_height_px, std::size_t batch);

/** Fills `candidates` with what image `image` of the batch shows. */
void collect_candidates(const BoundHead& bound, std::size_t image, const Preselection& preselection,
                        Candidates& candidates);

}  // namespace hazure
