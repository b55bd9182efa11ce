#pragma once

#include <napi.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "blocks.hpp"
#include "buffers.hpp"
#include "fields.hpp"
#include "hazure/detections.hpp"
#include "hazure/engine/image_model.hpp"
#include "hazure/engine/session.hpp"
#include "hazure/preprocess.hpp"

namespace hazure {

// Reading: may run JavaScript. What comes back holds values and handles, and no pointer into any buffer.

struct ImageRequest {
  int width_px = 0;
  int height_px = 0;
  Napi::Value data;
  std::string path;
};

struct RegionRequest {
  ImageRequest image;
  std::optional<PixelBox> box;
};

/** `[{ data, widthPx, heightPx }]`; whole images. */
std::vector<RegionRequest> read_images(const Napi::Value& value, const std::string& path);
/** `[{ image, box | null }]`. */
std::vector<RegionRequest> read_regions(const Napi::Value& value, const std::string& path);

struct FeedRequest {
  FeedView feed;  // without data
  Napi::Value data;
  std::string path;
};

/** `{ name: { type, dims, data } }`. */
std::vector<FeedRequest> read_feeds(const Napi::Value& value, const std::string& path);

PreprocessSpec to_preprocess(const Fields& fields);
SessionOptions to_session_options(const Napi::Value& value, const std::string& path);
HeadSpec to_head(const Fields& fields);
/** `layout: "nchw" | "nhwc"`; absent = as the model says. */
InputLayout to_layout(const Fields& fields);
DetectOptions to_detect_options(const Fields& fields);

Placement to_placement(const Fields& fields);

// Taking: after the last read of the call. Runs no JavaScript.

/** Regions over memory that stays as it is for as long as the list's memory and pins are kept. */
struct RegionList {
  std::vector<Region> regions;
  Memory memory;
  Pins pins;
};

/** What of a copied image is wanted. */
enum class Extent {
  kImage,  // all of it: placements count from its corner
  kBox,    // the pixels of the boxes do, and a region may become an image of its own
};

RegionList take_regions(napi_env env, std::span<const RegionRequest> requests, Extent extent);

/** Feeds of a session: copies, because a model's operators read what they have checked before. */
struct FeedList {
  std::vector<FeedView> feeds;
  Memory memory;
};

FeedList take_feeds(napi_env env, std::vector<FeedRequest> requests);

// Results.

/** Hands memory from malloc to JavaScript without a copy; a later call that gets it as an argument holds it. */
Napi::ArrayBuffer to_array_buffer(Napi::Env env, std::unique_ptr<std::byte[], FreeDeleter> data, std::size_t bytes);
/** The same for a block. */
Napi::ArrayBuffer to_array_buffer(Napi::Env env, Block block, std::size_t bytes);
Napi::Object from_tensor(Napi::Env env, OwnedTensor tensor);
Napi::Object from_placement(Napi::Env env, const Placement& placement);
Napi::Object from_description(Napi::Env env, const SessionDescription& description);
/** One Float32Array of rows of 6 per image. */
Napi::Array from_detections(Napi::Env env, const std::vector<std::vector<Detection>>& detections);
/** One Uint32Array of run lengths per object and image. */
Napi::Array from_masks(Napi::Env env, const std::vector<std::vector<InstanceMask>>& masks);

}  // namespace hazure
