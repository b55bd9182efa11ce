#include "convert.hpp"

#include <limits>
#include <unordered_map>

#include "border.hpp"
#include "hazure/checked_size.hpp"
#include "hazure/engine/failure.hpp"

namespace hazure {
namespace {

constexpr int kMaxClasses = 100'000;

ImageRequest read_image(const Napi::Value& value, const std::string& path) {
  const Fields fields(value, path);
  ImageRequest image;
  image.width_px = static_cast<int>(fields.whole("widthPx", 1, kMaxSidePx));
  image.height_px = static_cast<int>(fields.whole("heightPx", 1, kMaxSidePx));
  image.data = fields.raw("data");
  image.path = fields.path_of("data");
  return image;
}

std::optional<PixelBox> to_box(const Napi::Value& value, const std::string& path) {
  if (value.IsNull()) return std::nullopt;
  const Fields fields(value, path);
  return PixelBox{fields.number("x1"), fields.number("y1"), fields.number("x2"), fields.number("y2")};
}

std::string at(const std::string& path, std::size_t index) { return path + "[" + std::to_string(index) + "]"; }

/** Whether a typed array of this kind may carry an element type. */
bool carries(int array, ElementType type) {
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

TypedBytes look_at_image(const BufferTaker& taker, const ImageRequest& image) {
  const TypedBytes bytes = taker.look(image.data, image.path);
  const std::size_t wanted =
      std::size_t{3} * static_cast<std::size_t>(image.width_px) * static_cast<std::size_t>(image.height_px);
  if (bytes.type != napi_uint8_array || bytes.bytes != wanted) {
    refuse_argument(image.path,
                    "a Uint8Array of " + std::to_string(wanted) + " bytes (" + std::to_string(image.width_px) + " × " +
                        std::to_string(image.height_px) + " pixels × 3 channels)",
                    bytes.type == napi_uint8_array ? bytes.came() : "another typed array");
  }
  return bytes;
}

const std::uint8_t* pixels(const std::byte* bytes) { return reinterpret_cast<const std::uint8_t*>(bytes); }

/** Refuses an empty or outside box now, with the caller's stack and the region's place. */
PixelRect rect_of(const Region& region, std::size_t index) {
  try {
    return region_rect(region);
  } catch (const Error& error) {
    throw ItemError(error.kind(), error.what(), error.hint(), {index});
  }
}

std::size_t area(const PixelRect& rect) {
  return static_cast<std::size_t>(rect.width()) * static_cast<std::size_t>(rect.height());
}

}  // namespace

std::vector<RegionRequest> read_images(const Napi::Value& value, const std::string& path) {
  std::vector<RegionRequest> requests;
  for (const Napi::Value& element : elements_of(value, path, kMostItems)) {
    requests.push_back({read_image(element, at(path, requests.size())), std::nullopt});
  }
  return requests;
}

std::vector<RegionRequest> read_regions(const Napi::Value& value, const std::string& path) {
  std::vector<RegionRequest> requests;
  for (const Napi::Value& element : elements_of(value, path, kMostItems)) {
    const Fields fields(element, at(path, requests.size()));
    ImageRequest image = read_image(fields.raw("image"), fields.path_of("image"));
    requests.push_back({std::move(image), to_box(fields.raw("box"), fields.path_of("box"))});
  }
  return requests;
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
  if (fields.has("classIds")) options.class_ids = fields.whole_list("classIds", 0, kMaxClasses, kMaxClasses);
  return options;
}

std::vector<FeedRequest> read_feeds(const Napi::Value& value, const std::string& path) {
  if (!value.IsObject()) refuse_argument(path, "an object of tensors", kind_of(value));
  std::vector<FeedRequest> requests;
  for (const Napi::Value& key : keys_of(value, path)) {
    FeedRequest request;
    request.feed.name = text_of(key, path);
    const Fields fields(property_of(value, key), path + "." + request.feed.name);
    const std::string type = fields.text("type");
    request.feed.type = element_type(type);
    if (request.feed.type == ElementType::kOther) {
      fields.refuse("type", "one of float32, float16, int64, int32, uint8, bool", Fields::quoted(type));
    }
    for (const int dim : fields.whole_list("dims", 0, std::numeric_limits<int>::max())) request.feed.dims.push_back(dim);
    request.data = fields.raw("data");
    request.path = fields.path_of("data");
    requests.push_back(std::move(request));
  }
  return requests;
}

Placement to_placement(const Fields& fields) {
  return {fields.number("scaleX"), fields.number("scaleY"), fields.number("offsetX"), fields.number("offsetY")};
}

RegionList take_regions(napi_env env, std::span<const RegionRequest> requests, Extent extent) {
  BufferTaker taker(env);
  RegionList list;
  std::vector<TypedBytes> looked;
  std::vector<PixelRect> rects;
  // Bytes that all boxes of an image together cover, by its first byte: whether it or they are copied.
  std::unordered_map<const std::byte*, std::size_t> covered;
  for (const RegionRequest& request : requests) {
    const ImageRequest& image = request.image;
    looked.push_back(look_at_image(taker, image));
    const auto* data = pixels(looked.back().data);
    list.regions.push_back({ImageView{data, image.width_px, image.height_px, 0}, request.box});
    rects.push_back(rect_of(list.regions.back(), rects.size()));
    covered[looked.back().data] += 3 * area(rects.back());
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Region& region = list.regions[i];
    const TypedBytes& bytes = looked[i];
    if (extent == Extent::kBox && covered[bytes.data] < bytes.bytes && taker.copies(bytes)) {
      const PixelRect& rect = rects[i];
      const std::ptrdiff_t stride = region.image.stride();
      const std::byte* first = bytes.data + rect.y1 * stride + std::ptrdiff_t{3} * rect.x1;
      const std::byte* copied = taker.copy_rows(first, std::size_t{3} * static_cast<std::size_t>(rect.width()),
                                                static_cast<std::size_t>(rect.height()), stride);
      region = {ImageView{pixels(copied), rect.width(), rect.height(), 0}, std::nullopt};
    } else {
      region.image.data = pixels(taker.hold(requests[i].image.data, bytes));
    }
  }
  list.memory = std::move(taker.memory);
  list.pins = std::move(taker.pins);
  return list;
}

FeedList take_feeds(napi_env env, std::vector<FeedRequest> requests) {
  BufferTaker taker(env);
  FeedList list;
  for (FeedRequest& request : requests) {
    const TypedBytes bytes = taker.look(request.data, request.path);
    FeedView& feed = request.feed;
    if (!carries(bytes.type, feed.type)) refuse_argument(request.path, array_name(feed.type), "another typed array");
    const std::size_t size = element_bytes(feed.type);
    const auto wanted = tensor_bytes(feed.dims, size);
    if (wanted != bytes.bytes) {
      const std::string values = wanted ? std::to_string(wanted.value_or(0) / size) : "more than 2^64";
      refuse_argument(request.path, values + " values for its dims",
                      bytes.detached ? bytes.came() : std::to_string(bytes.bytes / size));
    }
    feed.data = taker.copy(bytes);
    feed.bytes = bytes.bytes;
    list.feeds.push_back(std::move(feed));
  }
  list.memory = std::move(taker.memory);
  return list;
}

}  // namespace hazure
