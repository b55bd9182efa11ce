// Finds the outputs that a head reads and holds their shapes against what the head says.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

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

  /** The output of that name; the only one where the name is empty. */
  const TensorView& chosen(const std::string& name, Shape shape, const char* layout) const {
    if (!name.empty()) return named(name, shape, layout);
    // Prototypes come along in another rank; they don't make the choice unclear.
    const TensorView* flat = nullptr;
    for (const TensorView& tensor : all_) {
      if (tensor.dims.size() != 3) continue;
      if (flat != nullptr) return only(shape, layout);
      flat = &tensor;
    }
    return flat == nullptr ? only(shape, layout) : checked(*flat, shape, layout);
  }

  const TensorView& only(Shape shape, const char* layout) const {
    if (all_.size() != 1) {
      throw Error(ErrorKind::kModel, "this head reads one output, the model has " + std::to_string(all_.size()),
                  "Choose the head kind that fits the model, or pass only the detection output.");
    }
    return checked(all_.front(), shape, layout);
  }

  const TensorView& named(const std::string& name, Shape shape, const char* layout) const {
    return checked(any(name), shape, layout);
  }

  /** The output of that name, of any shape. */
  const TensorView& any(const std::string& name) const {
    for (const TensorView& tensor : all_) {
      if (tensor.name == name) return tensor;
    }
    std::string names;
    for (const TensorView& tensor : all_) names += (names.empty() ? "" : ", ") + std::string(tensor.name);
    throw Error(ErrorKind::kModel, "the head reads an output named " + name + ", the model has: " + names,
                "Correct the output names of the head.");
  }

  /** Refuses a tensor that is not as `layout` says. */
  [[noreturn]] void refuse(const TensorView& tensor, const std::string& layout) const {
    throw Error(ErrorKind::kModel,
                "output " + std::string(tensor.name) + " should be " + layout + " for a batch of " +
                    std::to_string(batch_) + ", came " + dims_text(tensor.dims) +
                    (tensor.data == nullptr ? " without data" : ""),
                "Choose the head kind and class count that fit the model.");
  }
  [[nodiscard]] std::int64_t batch() const { return batch_; }

 private:
  const TensorView& checked(const TensorView& tensor, Shape shape, const char* layout) const {
    const auto fits = [](std::int64_t wanted, std::int64_t came) { return wanted < 0 ? came >= 1 : wanted == came; };
    const bool right = tensor.dims.size() == 3 && element_count(tensor.dims) && tensor.dims[0] >= batch_ && fits(shape.first, tensor.dims[1]) &&
                       fits(shape.second, tensor.dims[2]) && tensor.dims[1] <= kMost && tensor.dims[2] <= kMost;
    if (!right || tensor.data == nullptr) refuse(tensor, layout);
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

void bind_masks(const MaskSpec& masks, Columns weights, const Outputs& outputs, BoundHead& bound) {
  if (masks.prototypes_output.empty() && masks.coefficients == 0) return;
  if (masks.coefficients < 1 || masks.coefficients > 4096 || masks.prototypes_output.empty()) {
    throw Error(ErrorKind::kInput, "masks need 1 to 4096 coefficients and the output of their prototypes",
                "32 is usual; the prototypes are the output [N, 32, height, width].");
  }
  const TensorView& tensor = outputs.any(masks.prototypes_output);
  const auto& dims = tensor.dims;
  constexpr std::int64_t most = 1 << 15;
  if (dims.size() != 4 || dims[0] < outputs.batch() || dims[1] != masks.coefficients || dims[2] < 1 || dims[3] < 1 ||
      dims[2] > most || dims[3] > most || tensor.data == nullptr) {
    outputs.refuse(tensor, "[N, " + std::to_string(masks.coefficients) + ", height, width]");
  }
  bound.masks = {masks.coefficients, weights, tensor.data, static_cast<int>(dims[3]), static_cast<int>(dims[2])};
}

void bind(const Yolov8Head& head, const Outputs& outputs, BoundHead& bound) {
  const std::int64_t rows = 4 + std::int64_t{head.classes} + head.masks.coefficients;
  const TensorView& tensor = outputs.chosen(
      head.output, {rows, -1}, head.masks.coefficients > 0 ? "[N, 4 + classes + coefficients, anchors]" : "[N, 4 + classes, anchors]");
  const std::int64_t anchors = tensor.dims[2];
  bound.levels.push_back({.boxes = tensor.data, .anchors = anchors});
  bind_masks(head.masks, {tensor.data + (4 + head.classes) * anchors, rows * anchors, 1, anchors}, outputs, bound);
}

void bind(const Yolov5Head& head, const Outputs& outputs, BoundHead& bound) {
  const std::int64_t columns = 5 + std::int64_t{head.classes} + head.masks.coefficients;
  const TensorView& tensor = outputs.chosen(
      head.output, {-1, columns}, head.masks.coefficients > 0 ? "[N, anchors, 5 + classes + coefficients]" : "[N, anchors, 5 + classes]");
  bound.levels.push_back({.boxes = tensor.data, .anchors = tensor.dims[1]});
  bind_masks(head.masks, {tensor.data + 5 + head.classes, tensor.dims[1] * columns, columns, 1}, outputs, bound);
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
  const TensorView& tensor = outputs.chosen(head.output, {cells, 5 + std::int64_t{head.classes}}, layout.c_str());
  for (BoundHead::Level& level : bound.levels) level.boxes = tensor.data;
}

/** All strides in one output, a row's scores before its distances. */
void bind_joined(const NanodetHead& head, const Outputs& outputs, BoundHead& bound) {
  if (head.strides.empty()) throw Error(ErrorKind::kInput, "a NanoDet head needs strides", "8, 16, 32 and 64 are usual.");
  const std::int64_t columns = head.classes + 4 * (std::int64_t{head.reg_max} + 1);
  std::int64_t cells = 0;
  for (const int stride : head.strides) {
    const Grid grid = grid_of(bound.input_width_px, bound.input_height_px, stride, false);
    bound.levels.push_back({.anchors = std::int64_t{grid.columns} * grid.rows, .stride = stride, .columns = grid.columns});
    cells += bound.levels.back().anchors;
  }
  const std::string layout = "[N, " + std::to_string(cells) + ", classes + 4 × (regMax + 1)]";
  const TensorView& tensor = outputs.named(head.score_outputs.front(), {cells, columns}, layout.c_str());
  std::int64_t before = 0;
  for (BoundHead::Level& level : bound.levels) {
    level.scores = tensor.data + before * columns;
    level.boxes = level.scores + head.classes;
    level.pitch = columns;
    level.image_pitch = cells * columns;
    before += level.anchors;
  }
}

bool is_joined(const NanodetHead& head) {
  return head.score_outputs.size() == 1 && head.score_outputs == head.distance_outputs;
}

void bind(const NanodetHead& head, const Outputs& outputs, BoundHead& bound) {
  if (head.reg_max < 1 || head.reg_max > 1000) {
    throw Error(ErrorKind::kInput, "regMax must be 1 to 1000, came " + std::to_string(head.reg_max), "7 and 10 are usual.");
  }
  if (is_joined(head)) return bind_joined(head, outputs, bound);
  if (head.strides.empty() || head.score_outputs.size() != head.strides.size() ||
      head.distance_outputs.size() != head.strides.size()) {
    throw Error(ErrorKind::kInput, "a NanoDet head needs one score and one distance output per stride",
                "List the output names in the order of the strides.");
  }
  for (std::size_t i = 0; i < head.strides.size(); ++i) {
    const Grid grid = grid_of(bound.input_width_px, bound.input_height_px, head.strides[i], false);
    const std::int64_t cells = std::int64_t{grid.columns} * grid.rows;
    const std::string text = "[N, " + std::to_string(cells);
    const TensorView& scores =
        outputs.named(head.score_outputs[i], {cells, head.classes}, (text + ", classes]").c_str());
    const TensorView& distances = outputs.named(head.distance_outputs[i], {cells, 4 * (std::int64_t{head.reg_max} + 1)},
                                                (text + ", 4 × (regMax + 1)]").c_str());
    bound.levels.push_back({.scores = scores.data, .boxes = distances.data, .anchors = cells, .stride = head.strides[i],
                            .columns = grid.columns});
  }
}

void bind(const DetrHead& head, const Outputs& outputs, BoundHead& bound) {
  const TensorView& logits = outputs.named(head.logits_output, {-1, head.classes}, "[N, queries, classes]");
  const TensorView& boxes = outputs.named(head.boxes_output, {logits.dims[1], 4}, "[N, queries, 4]");
  bound.levels.push_back({.scores = logits.data, .boxes = boxes.data, .anchors = logits.dims[1]});
}

void check_first_class(int first_class) {
  if (first_class < 0 || first_class > kMaxClasses) {
    throw Error(ErrorKind::kInput, "firstClass must be 0 to " + std::to_string(kMaxClasses) + ", came " + std::to_string(first_class),
                "0, or 1 where class 0 is the background.");
  }
}

void bind(const BoxesHead& head, const Outputs& outputs, BoundHead& bound) {
  check_first_class(head.first_class);
  const std::int64_t least = std::int64_t{head.first_class} + head.classes;
  const bool joined = head.boxes_output == head.scores_output;
  const TensorView& boxes = outputs.named(head.boxes_output, {-1, joined ? -1 : 4}, joined ? "[N, anchors, 4 + classes]" : "[N, anchors, 4]");
  const std::int64_t anchors = boxes.dims[1];
  const std::int64_t row = boxes.dims[2];
  bound.levels.push_back({.anchors = anchors});
  bound.boxes = {boxes.data, anchors * row, row, 1};
  if (joined) {
    if (row < 4 + least) outputs.refuse(boxes, "[N, anchors, 4 + classes] with at least " + std::to_string(least) + " classes");
    bound.scores = {boxes.data + 4, anchors * row, row, 1};
    bound.score_columns = static_cast<int>(row - 4);
    return;
  }
  const char* layout = head.scores_by_class ? "[N, classes, anchors]" : "[N, anchors, classes]";
  const TensorView& scores = outputs.named(head.scores_output, {head.scores_by_class ? -1 : anchors, head.scores_by_class ? anchors : -1}, layout);
  const std::int64_t columns = head.scores_by_class ? scores.dims[1] : scores.dims[2];
  if (columns < least) outputs.refuse(scores, std::string(layout) + " with at least " + std::to_string(least) + " classes");
  bound.scores = {scores.data, anchors * columns, head.scores_by_class ? 1 : columns, head.scores_by_class ? anchors : 1};
  bound.score_columns = static_cast<int>(columns);
}

/** `[N, rows, columns]`, or `[rows, columns]` for one image. */
struct Rows {
  std::int64_t images = 1;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
};

/** @param width least number of columns; 1 also stands for a tensor without that dimension */
Rows rows_of(const TensorView& tensor, std::int64_t width, const Outputs& outputs, const std::string& layout) {
  std::vector<std::int64_t> dims(tensor.dims.begin(), tensor.dims.end());
  // Scores and classes are `[N, rows]` or `[rows]`; some exporters leave a last dimension of 1.
  const std::size_t full = width == 1 ? 2 : 3;
  if (width == 1 && dims.size() == 3 && dims.back() == 1) dims.pop_back();
  if (dims.size() == full - 1) dims.insert(dims.begin(), 1);
  if (dims.size() != full) outputs.refuse(tensor, layout);
  const Rows rows{dims[0], dims[1], full == 3 ? dims[2] : 1};
  const bool empty = rows.images * rows.rows == 0;
  if (rows.columns < width || rows.images < 0 || rows.rows < 0 || rows.rows > (std::int64_t{1} << 30) || (tensor.data == nullptr && !empty)) {
    outputs.refuse(tensor, layout);
  }
  return rows;
}

/** Numbers of rows by image. */
std::vector<std::int64_t> counts_of(const TensorView& tensor, const Outputs& outputs) {
  std::int64_t all = 1;
  for (const std::int64_t dim : tensor.dims) all *= dim;
  if (all < outputs.batch() || all > (std::int64_t{1} << 20) || tensor.data == nullptr) outputs.refuse(tensor, "one number per image");
  std::vector<std::int64_t> counts;
  for (std::int64_t i = 0; i < all; ++i) {
    const float value = tensor.data[i];
    if (!(value >= 0.0F && value <= 1e9F)) {
      throw Error(ErrorKind::kModel, "output " + std::string(tensor.name) + " should count rows, came " + std::to_string(value),
                  "Choose another output as the count, or leave it out.");
    }
    counts.push_back(static_cast<std::int64_t>(value));
  }
  return counts;
}

void bind_rows(const TableHead& head, const Rows& rows, const Outputs& outputs, const TensorView& boxes, BoundTable& table) {
  const std::vector<std::int64_t> counts =
      head.count_output.empty() ? std::vector<std::int64_t>{} : counts_of(outputs.any(head.count_output), outputs);
  const bool flat = boxes.dims.size() == 2;
  if (flat && counts.size() > 1) {
    std::int64_t before = 0;
    for (const std::int64_t count : counts) {
      table.rows.emplace_back(before, count);
      before += count;
    }
    if (before > rows.rows) outputs.refuse(boxes, "as many rows as " + head.count_output + " counts");
    return;
  }
  if (head.image_column < 0 && rows.images < outputs.batch()) outputs.refuse(boxes, "[N, rows, columns]");
  for (std::int64_t image = 0; image < outputs.batch(); ++image) {
    const auto at = static_cast<std::size_t>(image);
    table.rows.emplace_back(0, at < counts.size() ? std::min(counts[at], rows.rows) : rows.rows);
  }
}

void bind(const TableHead& head, const Outputs& outputs, BoundHead& bound) {
  check_first_class(head.first_class);
  const bool own_scores = !head.scores_output.empty();
  const bool own_classes = !head.classes_output.empty();
  const int last = std::max({head.box_column + 3, own_scores ? 0 : head.score_column, own_classes ? 0 : head.class_column, head.image_column});
  if (head.box_column < 0 || head.score_column < 0 || head.class_column < 0 || head.image_column < -1 || last > 4096) {
    throw Error(ErrorKind::kInput, "columns of a table count from 0", "Usual are box 0, score 4, class 5.");
  }
  const std::int64_t width = last + 1 + std::int64_t{head.masks.coefficients};
  const TensorView& boxes = outputs.any(head.boxes_output);
  const Rows rows = rows_of(boxes, width, outputs, "[N, rows, " + std::to_string(width) + " or more]");
  // Flat rows belong to one image or say which; their image pitch is 0.
  const bool flat = boxes.dims.size() == 2 || head.image_column >= 0;
  if (head.image_column >= 0 && rows.images > 1) outputs.refuse(boxes, "[rows, columns], one of which names the image");
  const auto column = [&](int at) { return Columns{boxes.data + at, flat ? 0 : rows.rows * rows.columns, rows.columns, 1}; };
  const auto apart = [&](const std::string& name) {
    const TensorView& tensor = outputs.any(name);
    const Rows found = rows_of(tensor, 1, outputs, "[N, " + std::to_string(rows.rows) + "]");
    if (found.rows != rows.rows || found.images < rows.images) outputs.refuse(tensor, "[N, " + std::to_string(rows.rows) + "]");
    return Columns{tensor.data, flat ? 0 : rows.rows, 1, 1};
  };
  BoundTable& table = bound.table;
  table.boxes = column(head.box_column);
  table.scores = own_scores ? apart(head.scores_output) : column(head.score_column);
  table.classes = own_classes ? apart(head.classes_output) : column(head.class_column);
  if (head.image_column >= 0) table.image = column(head.image_column);
  bind_rows(head, rows, outputs, boxes, table);
  bound.levels.push_back({.anchors = rows.rows});
  if (head.masks.coefficients > 0 || !head.masks.prototypes_output.empty()) {
    bind_masks(head.masks, column(static_cast<int>(rows.columns) - head.masks.coefficients), outputs, bound);
  }
}

}  // namespace

const MaskSpec* masks_of(const HeadSpec& head) {
  const MaskSpec* masks = std::visit(
      [](const auto& kind) -> const MaskSpec* {
        if constexpr (requires { kind.masks; }) return &kind.masks;
        return nullptr;
      },
      head);
  return masks != nullptr && masks->coefficients > 0 ? masks : nullptr;
}

std::vector<std::string> outputs_of(const HeadSpec& head) {
  struct Names {
    std::vector<std::string> all;
    void operator()(const NanodetHead& nanodet) {
      all = nanodet.score_outputs;
      if (!is_joined(nanodet)) all.insert(all.end(), nanodet.distance_outputs.begin(), nanodet.distance_outputs.end());
    }
    void operator()(const DetrHead& detr) { all = {detr.logits_output, detr.boxes_output}; }
    void operator()(const BoxesHead& boxes) {
      all = {boxes.boxes_output};
      if (boxes.scores_output != boxes.boxes_output) all.push_back(boxes.scores_output);
    }
    void operator()(const TableHead& table) {
      all = {table.boxes_output};
      for (const std::string* name : {&table.scores_output, &table.classes_output, &table.count_output}) {
        if (!name->empty()) all.push_back(*name);
      }
    }
    void operator()(const Yolov8Head& yolo) { all = {yolo.output}; }
    void operator()(const Yolov5Head& yolo) { all = {yolo.output}; }
    void operator()(const YoloxHead& yolo) { all = {yolo.output}; }
  } names;
  std::visit(names, head);
  if (const MaskSpec* masks = masks_of(head)) names.all.push_back(masks->prototypes_output);
  return names.all;
}

bool decodes_on_device(const HeadSpec& head) {
  if (masks_of(head) != nullptr) return false;
  if (const auto* nanodet = std::get_if<NanodetHead>(&head)) return !is_joined(*nanodet);
  return !std::holds_alternative<BoxesHead>(head) && !std::holds_alternative<TableHead>(head);
}

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
