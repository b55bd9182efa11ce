#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "fields.hpp"
#include "hazure/detections.hpp"
#include "hazure/engine/image_model.hpp"
#include "hazure/engine/session.hpp"
#include "hazure/preprocess.hpp"

namespace hazure {

/** Regions and the buffers they point into, to be pinned while a call runs. */
struct RegionList {
  std::vector<Region> regions;
  Napi::Array pins;
};

/** `[{ data, widthPx, heightPx }]`; whole images. */
RegionList to_images(const Napi::Value& value, const std::string& path);
/** `[{ image, box | null }]`. */
RegionList to_regions(const Napi::Value& value, const std::string& path);

PreprocessSpec to_preprocess(const Fields& fields);
SessionOptions to_session_options(const Napi::Value& value, const std::string& path);
HeadSpec to_head(const Fields& fields);
/** `layout: "nchw" | "nhwc"`; absent = as the model says. */
InputLayout to_layout(const Fields& fields);
DetectOptions to_detect_options(const Fields& fields);

/** Feeds of a session and the buffers they point into. */
struct FeedList {
  std::vector<FeedView> feeds;
  Napi::Array pins;
};

/** `{ name: { type, dims, data } }`. */
FeedList to_feeds(const Napi::Value& value, const std::string& path);

Placement to_placement(const Fields& fields);

/** Hands memory from malloc to JavaScript without a copy. */
Napi::ArrayBuffer to_array_buffer(Napi::Env env, std::unique_ptr<std::byte[], FreeDeleter> data, std::size_t bytes);
Napi::Object from_tensor(Napi::Env env, OwnedTensor tensor);
Napi::Object from_placement(Napi::Env env, const Placement& placement);
Napi::Object from_description(Napi::Env env, const SessionDescription& description);
/** One Float32Array of rows of 6 per image. */
Napi::Array from_detections(Napi::Env env, const std::vector<std::vector<Detection>>& detections);
/** One Uint32Array of run lengths per object and image. */
Napi::Array from_masks(Napi::Env env, const std::vector<std::vector<InstanceMask>>& masks);

}  // namespace hazure
