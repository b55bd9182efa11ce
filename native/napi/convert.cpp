#include "convert.hpp"

#include <limits>

#include "hazure/engine/failure.hpp"

namespace hazure {
namespace {

constexpr int kMaxClasses = 100'000;

struct Bytes {
  napi_typedarray_type type;
  const void* data;
  std::size_t bytes;
};

/** The memory of a typed array; also over a SharedArrayBuffer. */
Bytes bytes_of(const Napi::Value& value, const std::string& path) {
  if (!value.IsTypedArray()) refuse_argument(path, "a typed array", kind_of(value));
  napi_typedarray_type type{};
  std::size_t length = 0;
  void* data = nullptr;
  napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr);
  const std::size_t element = value.As<Napi::TypedArray>().ElementSize();
  return {type, data, length * element};
}

ImageView to_image(const Napi::Value& value, const std::string& path, RegionList& list) {
  const Fields fields(value, path);
  ImageView image;
  image.width_px = static_cast<int>(fields.whole("widthPx", 1, kMaxSidePx));
  image.height_px = static_cast<int>(fields.whole("heightPx", 1, kMaxSidePx));
  const Napi::Value data = fields.raw("data");
  const Bytes bytes = bytes_of(data, fields.path_of("data"));
  const std::size_t wanted = std::size_t{3} * static_cast<std::size_t>(image.width_px) *
                             static_cast<std::size_t>(image.height_px);
  if (bytes.type != napi_uint8_array || bytes.bytes != wanted) {
    fields.refuse("data",
                  "a Uint8Array of " + std::to_string(wanted) + " bytes (" + std::to_string(image.width_px) + " × " +
                      std::to_string(image.height_px) + " pixels × 3 channels)",
                  bytes.type == napi_uint8_array ? std::to_string(bytes.bytes) + " bytes" : "another typed array");
  }
  image.data = static_cast<const std::uint8_t*>(bytes.data);
  list.pins.Set(list.pins.Length(), data);
  return image;
}

std::optional<PixelBox> to_box(const Napi::Value& value, const std::string& path) {
  if (value.IsNull()) return std::nullopt;
  const Fields fields(value, path);
  return PixelBox{fields.number("x1"), fields.number("y1"), fields.number("x2"), fields.number("y2")};
}

std::string at(const std::string& path, std::size_t index) { return path + "[" + std::to_string(index) + "]"; }

/** Whether a typed array of this kind may carry an element type. */
bool carries(napi_typedarray_type array, ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return array == napi_float32_array;
    case ElementType::kFloat16:
      return array == napi_uint16_array;
    case ElementType::kInt64:
      return array == napi_bigint64_array;
    case ElementType::kInt32:
      return array == napi_int32_array;
    case ElementType::kUint8:
    case ElementType::kBool:
      return array == napi_uint8_array;
    case ElementType::kOther:
      break;
  }
  return false;
}

const char* array_name(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return "a Float32Array";
    case ElementType::kFloat16:
      return "a Uint16Array";
    case ElementType::kInt64:
      return "a BigInt64Array";
    case ElementType::kInt32:
      return "an Int32Array";
    default:
      return "a Uint8Array";
  }
}

}  // namespace

RegionList to_images(const Napi::Value& value, const std::string& path) {
  RegionList list{{}, Napi::Array::New(value.Env())};
  const auto elements = elements_of(value, path);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    list.regions.push_back({to_image(elements[i], at(path, i), list), std::nullopt});
  }
  return list;
}

RegionList to_regions(const Napi::Value& value, const std::string& path) {
  RegionList list{{}, Napi::Array::New(value.Env())};
  const auto elements = elements_of(value, path);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const Fields fields(elements[i], at(path, i));
    const ImageView image = to_image(fields.raw("image"), fields.path_of("image"), list);
    list.regions.push_back({image, to_box(fields.raw("box"), fields.path_of("box"))});
    region_rect(list.regions.back());  // refuses an empty or outside box now, with the caller's stack
  }
  return list;
}

PreprocessSpec to_preprocess(const Fields& fields) {
  static constexpr std::array<std::pair<const char*, FitMode>, 4> fits{{{"letterbox-centre", FitMode::kLetterboxCentre},
                                                                        {"letterbox-top-left", FitMode::kLetterboxTopLeft},
                                                                        {"stretch", FitMode::kStretch},
                                                                        {"centre-crop", FitMode::kCentreCrop}}};
  static constexpr std::array<std::pair<const char*, Interpolation>, 3> interpolations{
      {{"bilinear", Interpolation::kBilinear},
       {"bilinear-antialias", Interpolation::kBilinearAntialias},
       {"bicubic-antialias", Interpolation::kBicubicAntialias}}};
  static constexpr std::array<std::pair<const char*, ChannelOrder>, 2> orders{
      {{"rgb", ChannelOrder::kRgb}, {"bgr", ChannelOrder::kBgr}}};
  PreprocessSpec spec;
  spec.width_px = static_cast<int>(fields.whole("widthPx", 1, kMaxSidePx));
  spec.height_px = static_cast<int>(fields.whole("heightPx", 1, kMaxSidePx));
  spec.fit = fields.word("fit", fits);
  if (fields.has("resizeShortestPx")) {
    spec.resize_shortest_px = static_cast<int>(fields.whole("resizeShortestPx", 1, kMaxSidePx));
  }
  spec.channel_order = fields.word("channelOrder", orders);
  spec.interpolation = fields.word("interpolation", interpolations);
  spec.scale = static_cast<float>(fields.number("scale"));
  spec.mean = fields.triple("mean");
  spec.std = fields.triple("std");
  spec.pad_value = static_cast<float>(fields.number("padValue"));
  placement_of(PixelRect{0, 0, 1, 1}, spec);  // refuses impossible combinations
  return spec;
}

DetectOptions to_detect_options(const Fields& fields) {
  DetectOptions options;
  options.confidence = static_cast<float>(fields.number("confidence"));
  if (options.confidence < 0 || options.confidence > 1) fields.refuse("confidence", "0…1", kind_of(fields.raw("confidence")));
  options.iou = static_cast<float>(fields.number("iou"));
  if (options.iou < 0 || options.iou > 1) fields.refuse("iou", "0…1", kind_of(fields.raw("iou")));
  options.max_detections = static_cast<int>(fields.whole("maxDetections", 1, std::numeric_limits<int>::max()));
  if (fields.has("classIds")) options.class_ids = fields.whole_list("classIds", 0, kMaxClasses);
  return options;
}

FeedList to_feeds(const Napi::Value& value, const std::string& path) {
  FeedList list{{}, Napi::Array::New(value.Env())};
  if (!value.IsObject()) refuse_argument(path, "an object of tensors", kind_of(value));
  const auto object = value.As<Napi::Object>();
  for (const auto& key : elements_of(object.GetPropertyNames(), path)) {
    FeedView feed;
    feed.name = key.ToString();
    const Fields fields(object.Get(key), path + "." + feed.name);
    const std::string type = fields.text("type");
    feed.type = element_type(type);
    if (feed.type == ElementType::kOther) {
      fields.refuse("type", "one of float32, float16, int64, int32, uint8, bool", "'" + type + "'");
    }
    for (const int dim : fields.whole_list("dims", 0, std::numeric_limits<int>::max())) feed.dims.push_back(dim);
    const Napi::Value data = fields.raw("data");
    const Bytes bytes = bytes_of(data, fields.path_of("data"));
    if (!carries(bytes.type, feed.type)) fields.refuse("data", array_name(feed.type), "another typed array");
    feed.data = bytes.data;
    feed.bytes = bytes.bytes;
    list.pins.Set(list.pins.Length(), data);
    list.feeds.push_back(std::move(feed));
  }
  return list;
}

Placement to_placement(const Fields& fields) {
  return {fields.number("scaleX"), fields.number("scaleY"), fields.number("offsetX"), fields.number("offsetY")};
}

}  // namespace hazure
