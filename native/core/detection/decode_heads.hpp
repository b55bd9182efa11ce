#pragma once

#include <cstdint>
#include <span>
#include <utility>
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
  /** Row of the head that a box came from, where masks are asked for. */
  std::vector<std::int64_t> anchor;

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

/** Numbers of an output by image, anchor and column. */
struct Columns {
  const float* data = nullptr;
  std::int64_t image_pitch = 0;
  std::int64_t anchor_pitch = 0;
  std::int64_t column_pitch = 1;
  [[nodiscard]] const float* at(std::size_t image, std::int64_t anchor) const {
    return data + static_cast<std::int64_t>(image) * image_pitch + anchor * anchor_pitch;
  }
};

/** Where a table's rows are. */
struct BoundTable {
  Columns boxes{};
  Columns scores{};
  Columns classes{};
  /** First row and number of rows of each image; where `image_column` says it instead, all rows for each. */
  std::vector<std::pair<std::int64_t, std::int64_t>> rows{};
  /** Its value is the row's image; `data` null = the rows above are the image's own. */
  Columns image{};
};

/** Mask coefficients of every anchor and the prototypes they weigh. */
struct BoundMasks {
  int coefficients = 0;
  Columns weights{};
  const float* prototypes = nullptr;
  int width = 0;
  int height = 0;
};

/** The outputs a head reads, looked up and checked once per batch. */
struct BoundHead {
  struct Level {
    const float* scores = nullptr;  // or the only output
    const float* boxes = nullptr;
    std::int64_t anchors = 0;
    int stride = 0;
    int columns = 0;  // cells in a row
    // Floats from one anchor to the next and from one image to the next; 0 = the anchors of this level are dense.
    std::int64_t pitch = 0;
    std::int64_t image_pitch = 0;
  };
  const HeadSpec* head = nullptr;
  std::vector<Level> levels{};
  int classes = 0;
  int input_width_px = 0;
  int input_height_px = 0;
  BoundMasks masks{};
  Columns boxes{};
  Columns scores{};
  /** Columns that a softmax runs over. */
  int score_columns = 0;
  BoundTable table{};
};

/** @throws Error(kModel), Error(kInput) as decode_detections says */
BoundHead bind_head(const HeadSpec& head, std::span<const TensorView> outputs, int input_width_px,
                    int input_height_px, std::size_t batch);

/** Fills `candidates` with what image `image` of the batch shows. */
void collect_candidates(const BoundHead& bound, std::size_t image, const Preselection& preselection,
                        Candidates& candidates);
void collect(const BoxesHead& head, const BoundHead& bound, std::size_t image, const Preselection& preselection,
             Candidates& candidates);
void collect(const TableHead& head, const BoundHead& bound, std::size_t image, const Preselection& preselection,
             Candidates& candidates);

/** The mask of anchor `anchor` inside the whole pixels that `box` touches, as run lengths over the source image. */
InstanceMask instance_mask(const BoundHead& bound, std::size_t image, std::int64_t anchor, const Detection& box,
                           const DetectionSource& source);

}  // namespace hazure
