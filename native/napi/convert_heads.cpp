// Detection heads as JavaScript describes them (libs/native-engine/src/heads.ts).
#include "convert.hpp"

namespace hazure {
namespace {

constexpr int kMaxClasses = 100'000;
constexpr int kMaxStride = 4096;
constexpr int kMaxColumn = 4096;

std::string text_or_empty(const Fields& fields, const char* name) {
  return fields.has(name) ? fields.text(name) : std::string();
}

int whole_or(const Fields& fields, const char* name, int min, int max, int fallback) {
  return fields.has(name) ? static_cast<int>(fields.whole(name, min, max)) : fallback;
}

MaskSpec to_masks(const Fields& fields) {
  if (!fields.has("masks")) return {};
  const Fields masks = fields.object("masks");
  return {static_cast<int>(masks.whole("coefficients", 1, kMaxColumn)), masks.text("prototypesOutput")};
}

BoxFormat to_format(const Fields& fields) {
  static constexpr std::array<std::pair<const char*, BoxFormat>, 3> formats{
      {{"xyxy", BoxFormat::kCorners}, {"yxyx", BoxFormat::kCornersYx}, {"cxcywh", BoxFormat::kCentre}}};
  return fields.word("boxFormat", formats);
}

BoxUnits to_units(const Fields& fields) {
  static constexpr std::array<std::pair<const char*, BoxUnits>, 2> units{
      {{"pixels", BoxUnits::kPixels}, {"unit", BoxUnits::kUnit}}};
  return fields.word("boxUnits", units);
}

BoxesHead to_boxes_head(const Fields& fields, int classes) {
  static constexpr std::array<std::pair<const char*, ScoreActivation>, 3> activations{
      {{"none", ScoreActivation::kNone}, {"sigmoid", ScoreActivation::kSigmoid}, {"softmax", ScoreActivation::kSoftmax}}};
  return {.classes = classes,
          .boxes_output = fields.text("boxesOutput"),
          .scores_output = fields.text("scoresOutput"),
          .format = to_format(fields),
          .units = to_units(fields),
          .activation = fields.word("activation", activations),
          .first_class = whole_or(fields, "firstClass", 0, kMaxClasses, 0),
          .scores_by_class = fields.has("scoresByClass") && fields.flag("scoresByClass"),
          .suppress = fields.flag("suppress")};
}

TableHead to_table_head(const Fields& fields, int classes) {
  TableHead head{.classes = classes, .boxes_output = fields.text("boxesOutput")};
  head.scores_output = text_or_empty(fields, "scoresOutput");
  head.classes_output = text_or_empty(fields, "classesOutput");
  head.count_output = text_or_empty(fields, "countOutput");
  if (fields.has("columns")) {
    const Fields columns = fields.object("columns");
    head.box_column = whole_or(columns, "box", 0, kMaxColumn, 0);
    head.score_column = whole_or(columns, "score", 0, kMaxColumn, 4);
    head.class_column = whole_or(columns, "class", 0, kMaxColumn, 5);
    head.image_column = whole_or(columns, "image", 0, kMaxColumn, -1);
  }
  head.format = to_format(fields);
  head.units = to_units(fields);
  head.first_class = whole_or(fields, "firstClass", 0, kMaxClasses, 0);
  head.masks = to_masks(fields);
  return head;
}

}  // namespace

HeadSpec to_head(const Fields& fields) {
  const std::string kind = fields.text("kind");
  const int classes = static_cast<int>(fields.whole("classes", 1, kMaxClasses));
  const auto output = [&] { return text_or_empty(fields, "output"); };
  if (kind == "yolov8") return Yolov8Head{classes, output(), to_masks(fields)};
  if (kind == "yolov5") return Yolov5Head{classes, output(), to_masks(fields)};
  if (kind == "yolox") return YoloxHead{classes, fields.whole_list("strides", 1, kMaxStride), output()};
  if (kind == "nanodet") {
    return NanodetHead{classes, fields.whole_list("strides", 1, kMaxStride),
                       static_cast<int>(fields.whole("regMax", 1, 1024)), fields.text_list("scoreOutputs"),
                       fields.text_list("distanceOutputs")};
  }
  if (kind == "detr") return DetrHead{classes, fields.text("logitsOutput"), fields.text("boxesOutput")};
  if (kind == "boxes") return to_boxes_head(fields, classes);
  if (kind == "table") return to_table_head(fields, classes);
  fields.refuse("kind", "one of yolov8, yolov5, yolox, nanodet, detr, boxes, table", Fields::quoted(kind));
}

InputLayout to_layout(const Fields& fields) {
  static constexpr std::array<std::pair<const char*, InputLayout>, 2> layouts{
      {{"nchw", InputLayout::kNchw}, {"nhwc", InputLayout::kNhwc}}};
  return fields.has("layout") ? fields.word("layout", layouts) : InputLayout::kAuto;
}

}  // namespace hazure
