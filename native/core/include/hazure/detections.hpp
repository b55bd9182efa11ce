#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hazure/preprocess.hpp"
#include "hazure/thread_pool.hpp"

namespace hazure {

/** `[N, 4+classes, anchors]`, cx cy w h in input pixels, class scores already sigmoid (YOLOv8, YOLO11). */
struct Yolov8Head {
  int classes = 0;
};

/** `[N, anchors, 5+classes]`, cx cy w h in input pixels, confidence = objectness × class score (YOLOv5). */
struct Yolov5Head {
  int classes = 0;
};

/**
 * `[N, anchors, 5+classes]`, undecoded (YOLOX): centre = (value + cell) × stride, size = exp(value) × stride;
 * cells run row by row within a stride, strides in the order given.
 */
struct YoloxHead {
  int classes = 0;
  std::vector<int> strides;
};

/**
 * Per stride: scores `[N, cells, classes]` (sigmoid) and distances `[N, cells, 4×(reg_max+1)]`. A distance is
 * the expectation of the softmax over its bins × stride, left top right bottom of the centre
 * ((column + 0.5) × stride, (row + 0.5) × stride).
 */
struct NanodetHead {
  int classes = 0;
  std::vector<int> strides;
  int reg_max = 0;
  std::vector<std::string> score_outputs;
  std::vector<std::string> distance_outputs;
};

/** `[N, queries, classes]` logits and `[N, queries, 4]` boxes (cx cy w h, 0…1); sigmoid, no NMS (RT-DETR, D-FINE). */
struct DetrHead {
  int classes = 0;
  std::string logits_output;
  std::string boxes_output;
};

using HeadSpec = std::variant<Yolov8Head, Yolov5Head, YoloxHead, NanodetHead, DetrHead>;

/** A float32 tensor, row-major, not owned. */
struct TensorView {
  std::string_view name;
  std::span<const std::int64_t> dims;
  const float* data = nullptr;
};

struct DetectOptions {
  /** 0…1; an anchor counts when its best class scores more than this. */
  float confidence = 0.25F;
  /** 0…1; of two boxes of one class the weaker goes when their IoU is more than this. */
  float iou = 0.45F;
  /** At least 1, per image. */
  int max_detections = 300;
  /** Only anchors whose best class is one of these; nullopt = all classes. */
  std::optional<std::vector<int>> class_ids;
};

/** What the boxes of one image of the batch are mapped back to. */
struct DetectionSource {
  int width_px = 0;
  int height_px = 0;
  Placement placement;
};

/** One row of the result: corners in pixels of the source image, clipped to it, area above 0. */
struct Detection {
  float x1 = 0;
  float y1 = 0;
  float x2 = 0;
  float y2 = 0;
  float confidence = 0;
  /** A whole number; float so that rows are six floats. */
  float class_id = 0;
};
static_assert(sizeof(Detection) == 6 * sizeof(float));

/** Candidates per image that reach NMS at most, the most confident ones (ultralytics' max_nms). */
inline constexpr int kMaxNmsCandidates = 30'000;

/**
 * Raw outputs of a detector to boxes: best class per anchor, threshold, decode, class-aware NMS (greedy, on
 * model-input boxes), map back to source pixels, clip; boxes with nothing left inside the image are dropped.
 *
 * @param outputs  the model's outputs; single-output heads take the only one, the others look names up
 * @param sources  N entries, the batch size of the outputs; fewer than the tensor's first dimension is allowed
 *                 (a padded last batch)
 * @param results  becomes N lists, most confident first, ties in anchor order
 * @throws Error(kModel) when an output is missing or has another shape than the head says; ItemError(kModel) that
 *         names all images whose rows hold NaN, scores above 1 or boxes that are not finite;
 *         Error(kInput) for options out of range, bad sources, or an input size that the strides do not divide
 */
void decode_detections(const HeadSpec& head, std::span<const TensorView> outputs, int input_width_px,
                       int input_height_px, std::span<const DetectionSource> sources,
                       const DetectOptions& options, std::vector<std::vector<Detection>>& results,
                       ThreadPool& pool);

}  // namespace hazure
