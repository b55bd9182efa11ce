// Finds the outputs that a head reads and holds their shapes against what the head says.
#include <string>

#include "detection/decode_heads.hpp"
#include "hazure/checked_size.hpp"
#include "hazure/error.hpp"
#include "detection/nms_workspace.hpp"

namespace hazure {
namespace {

std::string dims_text(std::span<const std::int64_t> dims) {
  std::string text = "[";
  for (std::size_t i = 0; i < dims.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(dims[i]);
  return text + "]";
}

/** What a bound tensor must look like: `[batch or more, first, second]`, −1 = any number from 1 up. */
struct Shape {
  std::int64_t first = -1;
  std::int64_t second = -1;
};

class Outputs {
 public:
  Outputs(std::span<const TensorView> all, std::size_t batch) : all_(all), batch_(static_cast<std::int64_t>(batch)) {}

  const TensorView& only(Shape shape, const char* layout) const {
    if (all_.size() != 1) {
      throw Error(ErrorKind::kModel, "this head reads one output, the model has " + std::to_string(all_.size()),
                  "Choose the head kind that fits the model, or pass only the detection output.");
    }
    return checked(all_.front(), shape, layout);
  }

  const TensorView& named(const std::string& name, Shape shape, const char* layout) const {
    for (const TensorView& tensor : all_) {
      if (tensor.name == name) return checked(tensor, shape, layout);
    }
    std::string names;
    for (const TensorView& tensor : all_) names += (names.empty() ? "" : ", ") + std::string(tensor.name);
    throw Error(ErrorKind::kModel, "the head reads an output named " + name + ", the model has: " + names,
                "Correct the output names of the head.");
  }

 private:
  const TensorView& checked(const TensorView& tensor, Shape shape, const char* layout) const {
    const auto fits = [](std::int64_t wanted, std::int64_t came) { return wanted < 0 ? came >= 1 : wanted == came; };
    const bool right = tensor.dims.size() == 3 && element_count(tensor.dims) && tensor.dims[0] >= batch_ && fits(shape.first, tensor.dims[1]) &&
                       fits(shape.second, tensor.dims[2]) && tensor.dims[1] <= kMost && tensor.dims[2] <= kMost;
    if (!right || tensor.data == nullptr) {
      throw Error(ErrorKind::kModel,
                  "output " + std::string(tensor.name) + " should be " + layout + " for a batch of " +
                      std::to_string(batch_) + ", came " + dims_text(tensor.dims) +
                      (tensor.data == nullptr ? " without data" : ""),
                  "Choose the head kind and class count that fit the model.");
    }
    return tensor;
  }

  static constexpr std::int64_t kMost = std::int64_t{1} << 30;
  std::span<const TensorView> all_;
  std::int64_t batch_;
};

struct Grid {
  int columns = 0;
  int rows = 0;
};

Grid grid_of(int width_px, int height_px, int stride, bool must_divide) {
  if (stride < 1) {
    throw Error(ErrorKind::kInput, "strides must be at least 1, came " + std::to_string(stride),
                "8, 16 and 32 are usual.");
  }
  if (must_divide && (width_px % stride != 0 || height_px % stride != 0)) {
    throw Error(ErrorKind::kInput,
                "the model input of " + std::to_string(width_px) + "×" + std::to_string(height_px) +
                    " px is no multiple of stride " + std::to_string(stride),
                "Use an input size that the largest stride divides.");
  }
  return {(width_px + stride - 1) / stride, (height_px + stride - 1) / stride};
}

void bind(const Yolov8Head& head, const Outputs& outputs, BoundHead& bound) {
  const TensorView& tensor = outputs.only({4 + std::int64_t{head.classes}, -1}, "[N, 4 + classes, anchors]");
  bound.levels.push_back({.boxes = tensor.data, .anchors = tensor.dims[2]});
}

void bind(const Yolov5Head& head, const Outputs& outputs, BoundHead& bound) {
  const TensorView& tensor = outputs.only({-1, 5 + std::int64_t{head.classes}}, "[N, anchors, 5 + classes]");
  bound.levels.push_back({.boxes = tensor.data, .anchors = tensor.dims[1]});
}

void bind(const YoloxHead& head, const Outputs& outputs, BoundHead& bound) {
  if (head.strides.empty()) throw Error(ErrorKind::kInput, "a YOLOX head needs strides", "8, 16 and 32 are usual.");
  std::int64_t cells = 0;
  for (const int stride : head.strides) {
    const Grid grid = grid_of(bound.input_width_px, bound.input_height_px, stride, true);
    bound.levels.push_back({.anchors = std::int64_t{grid.columns} * grid.rows, .stride = stride, .columns = grid.columns});
    cells += bound.levels.back().anchors;
  }
  const std::string layout = "[N, " + std::to_string(cells) + ", 5 + classes]";
  const TensorView& tensor = outputs.only({cells, 5 + std::int64_t{head.classes}}, layout.c_str());
  for (BoundHead::Level& level : bound.levels) level.boxes = tensor.data;
}

void bind(const NanodetHead& head, const Outputs& outputs, BoundHead& bound) {
  if (head.strides.empty() || head.score_outputs.size() != head.strides.size() ||
      head.distance_outputs.size() != head.strides.size()) {
    throw Error(ErrorKind::kInput, "a NanoDet head needs one score and one distance output per stride",
                "List the output names in the order of the strides.");
  }
  if (head.reg_max < 1 || head.reg_max > 1000) {
    throw Error(ErrorKind::kInput, "regMax must be 1 to 1000, came " + std::to_string(head.reg_max), "7 and 10 are usual.");
  }
  for (std::size_t i = 0; i < head.strides.size(); ++i) {
    const Grid grid = grid_of(bound.input_width_px, bound.input_height_px, head.strides[i], false);
    const std::int64_t cells = std::int64_t{grid.columns} * grid.rows;
    const std::string text = "[N, " + std::to_string(cells);
    const TensorView& scores =
        outputs.named(head.score_outputs[i], {cells, head.classes}, (text + ", classes]").c_str());
    const TensorView& distances = outputs.named(head.distance_outputs[i], {cells, 4 * (std::int64_t{head.reg_max} + 1)},
                                                (text + ", 4 × (regMax + 1)]").c_str());
    bound.levels.push_back({scores.data, distances.data, cells, head.strides[i], grid.columns});
  }
}

void bind(const DetrHead& head, const Outputs& outputs, BoundHead& bound) {
  const TensorView& logits = outputs.named(head.logits_output, {-1, head.classes}, "[N, queries, classes]");
  const TensorView& boxes = outputs.named(head.boxes_output, {logits.dims[1], 4}, "[N, queries, 4]");
  bound.levels.push_back({.scores = logits.data, .boxes = boxes.data, .anchors = logits.dims[1]});
}

}  // namespace

BoundHead bind_head(const HeadSpec& head, std::span<const TensorView> outputs, int input_width_px,
                    int input_height_px, std::size_t batch) {
  if (input_width_px < 1 || input_height_px < 1 || input_width_px > kMaxSidePx || input_height_px > kMaxSidePx) {
    throw Error(ErrorKind::kInput,
                "a model input has sides of 1 to " + std::to_string(kMaxSidePx) + " px, came " +
                    std::to_string(input_width_px) + "×" + std::to_string(input_height_px),
                "Pass the size that the images were preprocessed to.");
  }
  BoundHead bound{.head = &head, .input_width_px = input_width_px, .input_height_px = input_height_px};
  bound.classes = std::visit([](const auto& kind) { return kind.classes; }, head);
  if (bound.classes < 1 || bound.classes > kMaxClasses) {
    throw Error(ErrorKind::kInput,
                "a head has 1 to " + std::to_string(kMaxClasses) + " classes, came " + std::to_string(bound.classes),
                "80 for models trained on COCO.");
  }
  const Outputs found(outputs, batch);
  std::visit([&](const auto& kind) { bind(kind, found, bound); }, head);
  return bound;
}

}  // namespace hazure
