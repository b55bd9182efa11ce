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

/** How the four numbers of a box are to be read. */
enum class BoxFormat {
  kCorners,    // x1 y1 x2 y2
  kCornersYx,  // y1 x1 y2 x2 (TensorFlow)
  kCentre,     // cx cy w h
};

/** What a box is measured in. */
enum class BoxUnits {
  kPixels,  // of the model's input
  kUnit,    // 0…1 of the model's input
};

/** What turns the numbers of a class into its score. */
enum class ScoreActivation {
  kNone,     // they are scores
  kSigmoid,  // each by itself
  kSoftmax,  // over all columns of an anchor, background too
};

/**
 * Instance masks of a prototype network (YOLACT; Ultralytics' segmentation heads): every anchor carries `coefficients`
 * numbers after its classes; a mask is where their product with the prototypes `[N, coefficients, h, w]` is above 0.
 */
struct MaskSpec {
  int coefficients = 0;
  std::string prototypes_output;
};

/**
 * `[N, 4+classes, anchors]`, cx cy w h in input pixels, class scores already sigmoid (YOLOv8, 9, 10, 11, 26). `output` in
 * this and the next two: the output to read, empty = the model's first.
 */
struct Yolov8Head {
  int classes = 0;
  std::string output{};
  MaskSpec masks{};
};

/** `[N, anchors, 5+classes]`, cx cy w h in input pixels, confidence = objectness × class score (YOLOv5, YOLOv7). */
struct Yolov5Head {
  int classes = 0;
  std::string output{};
  MaskSpec masks{};
};

/**
 * `[N, anchors, 5+classes]`, undecoded (YOLOX): centre = (value + cell) × stride, size = exp(value) × stride;
 * cells run row by row within a stride, strides in the order given.
 */
struct YoloxHead {
  int classes = 0;
  std::vector<int> strides;
  std::string output{};
};

/**
 * Per stride: scores `[N, cells, classes]` (sigmoid) and distances `[N, cells, 4×(reg_max+1)]`. A distance is
 * the expectation of the softmax over its bins × stride, left top right bottom of the centre
 * ((column + 0.5) × stride, (row + 0.5) × stride). One output named as both holds all strides in one,
 * `[N, all cells, classes + 4×(reg_max+1)]` (NanoDet-Plus).
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

/**
 * Boxes `[N, anchors, 4]` and class scores `[N, anchors, columns]`, apart or side by side in one output
 * `[N, anchors, 4+columns]` (named as both): PP-YOLOE, YOLO-NAS, RF-DETR, DETR, Ultralytics' RT-DETR, SSD without NMS.
 */
struct BoxesHead {
  int classes = 0;
  std::string boxes_output;
  std::string scores_output;
  BoxFormat format = BoxFormat::kCorners;
  BoxUnits units = BoxUnits::kPixels;
  ScoreActivation activation = ScoreActivation::kNone;
  /** Column of class 0; those before it, and those after the last class, are background. */
  int first_class = 0;
  /** Scores are `[N, columns, anchors]` (PaddleDetection). */
  bool scores_by_class = false;
  /** Boxes overlap and need suppression. */
  bool suppress = true;
};

/**
 * A finished table, one row an object, most often padded with rows of score 0: `[N, rows, columns]` in one output (YOLO
 * end to end, NMS in the graph), or boxes, scores and class numbers apart (SSD, torchvision, RT-DETR and D-FINE with
 * their post-processor, EfficientNMS). Nothing is suppressed.
 *
 * `[rows, columns]` stands for a batch of one, unless a column names the image (YOLOv7) or `count_output` says how many
 * rows each image has (PaddleDetection).
 */
struct TableHead {
  int classes = 0;
  std::string boxes_output;
  /** Empty: columns of `boxes_output`. */
  std::string scores_output{};
  std::string classes_output{};
  /** `[N]`: how many rows are real; empty = all are. */
  std::string count_output{};
  int box_column = 0;
  int score_column = 4;
  int class_column = 5;
  /** −1 = none. */
  int image_column = -1;
  BoxFormat format = BoxFormat::kCorners;
  BoxUnits units = BoxUnits::kPixels;
  /** What the table calls class 0; lower numbers are background. */
  int first_class = 0;
  /** Coefficients are the last columns. */
  MaskSpec masks{};
};

/** A new kind goes to the end: the device decoder counts on the order of the first five. */
using HeadSpec = std::variant<Yolov8Head, Yolov5Head, YoloxHead, NanodetHead, DetrHead, BoxesHead, TableHead>;

/** The head's masks, or null where it has none. */
const MaskSpec* masks_of(const HeadSpec& head);

/** Every output that the head reads, by name; empty names stand for the model's first output. */
std::vector<std::string> outputs_of(const HeadSpec& head);

/**
 * Whether boxes of this head are decoded on the device where its outputs lie. The others are copied to the host:
 * tables are a few kilobytes, and masks are wanted there.
 */
bool decodes_on_device(const HeadSpec& head);

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

/**
 * The pixels of an object in COCO's run lengths: over the whole source image column by column, beginning with how many
 * are not of it; the runs add up to width × height.
 */
struct InstanceMask {
  std::vector<std::uint32_t> runs;
};

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
 * @param masks    becomes one mask per row of `results`, inside its box; the head must have prototypes. Null = not wanted
 * @throws Error(kModel) when an output is missing or has another shape than the head says; ItemError(kModel) that
 *         names all images whose rows hold NaN, scores above 1 or boxes that are not finite;
 *         Error(kInput) for options out of range, bad sources, or an input size that the strides do not divide
 */
void decode_detections(const HeadSpec& head, std::span<const TensorView> outputs, int input_width_px,
                       int input_height_px, std::span<const DetectionSource> sources,
                       const DetectOptions& options, std::vector<std::vector<Detection>>& results,
                       ThreadPool& pool, std::vector<std::vector<InstanceMask>>* masks = nullptr);

}  // namespace hazure
