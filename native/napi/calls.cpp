#include "calls.hpp"

#include <cstdlib>
#include <memory>
#include <new>

#include "border.hpp"
#include "convert.hpp"
#include "environment.hpp"
#include "hazure/checked_size.hpp"
#include "hazure/engine/image_model.hpp"
#include "hazure/half.hpp"

namespace hazure {

namespace {

/** What a call of `preprocess` reads and makes; all of it outlives the call's JavaScript. */
struct Preprocessing {
  std::vector<Region> regions;
  Memory memory;
  PreprocessSpec spec;
  std::unique_ptr<std::byte[], FreeDeleter> pixels = nullptr;
  std::size_t bytes = 0;
  std::vector<Placement> placements{};

  void run() {
    bytes = host_bytes(checked_product({regions.size(), preprocessed_floats(spec), sizeof(float)}), "the result");
    placements.resize(regions.size());
    if (regions.empty()) return;
    pixels.reset(static_cast<std::byte*>(std::malloc(bytes)));
    if (!pixels) throw std::bad_alloc();
    preprocess_batch(regions, spec, reinterpret_cast<float*>(pixels.get()), placements.data(), engine_pool());
    memory.clear();
  }
};

Napi::Value to_result(Napi::Env env, Preprocessing& done) {
  Napi::Array placements = Napi::Array::New(env, done.placements.size());
  for (std::uint32_t i = 0; i < done.placements.size(); ++i) {
    set(placements, i, from_placement(env, done.placements[i]));
  }
  Napi::Object object = Napi::Object::New(env);
  const auto buffer = to_array_buffer(env, std::move(done.pixels), done.bytes);
  set(object, "data", Napi::Float32Array::New(env, done.bytes / sizeof(float), buffer, 0));
  set(object, "placements", placements);
  return object;
}

/** As Preprocessing, of `decodeDetections`. */
struct Decoding {
  HeadSpec head;
  DetectOptions options;
  int width = 0;
  int height = 0;
  std::vector<DetectionSource> sources{};
  FeedList outputs{};
  std::vector<std::vector<Detection>> results{};

  void run() {
    std::vector<std::vector<float>> storage(outputs.feeds.size());
    std::vector<TensorView> views;
    for (std::size_t i = 0; i < outputs.feeds.size(); ++i) {
      const FeedView& feed = outputs.feeds[i];
      const auto* values = static_cast<const float*>(feed.data);
      if (feed.type == ElementType::kFloat16) {
        storage[i].resize(feed.bytes / sizeof(std::uint16_t));
        half_to_float(static_cast<const std::uint16_t*>(feed.data), storage[i].data(), storage[i].size());
        values = storage[i].data();
      }
      views.push_back(TensorView{feed.name, feed.dims, values});
    }
    decode_detections(head, views, width, height, sources, options, results, engine_pool());
    outputs.memory.clear();
  }
};

std::vector<DetectionSource> to_sources(const Fields& options) {
  std::vector<DetectionSource> sources;
  for (const auto& element : elements_of(options.raw("sources"), options.path_of("sources"), kMostItems)) {
    const Fields source(element, "options.sources[" + std::to_string(sources.size()) + "]");
    sources.push_back({static_cast<int>(source.whole("widthPx", 1, kMaxSidePx)),
                       static_cast<int>(source.whole("heightPx", 1, kMaxSidePx)),
                       to_placement(source.object("placement"))});
  }
  return sources;
}

/** Runs `work->run()` on the thread for work that belongs to no model. */
template <typename Work, typename Result>
Napi::Value begin_general(Napi::Env env, Pins pins, std::shared_ptr<Work> work, Result result) {
  Environment& environment = Environment::of(env);
  return environment.begin(std::move(pins), [&](const Ticket& ticket) {
    environment.general().post([work, result, ticket] {
      try {
        work->run();
        ticket.resolve([work, result](Napi::Env js) -> Napi::Value { return result(js, *work); });
      } catch (...) {
        ticket.reject(std::current_exception());
      }
    });
  });
}

}  // namespace

Napi::Value preprocess(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    const std::vector<RegionRequest> requests = read_regions(info[0], "regions");
    const PreprocessSpec spec = to_preprocess(Fields(info[1], "spec"));
    RegionList list = take_regions(info.Env(), requests, Extent::kImage);
    auto work = std::make_shared<Preprocessing>(Preprocessing{std::move(list.regions), std::move(list.memory), spec});
    return begin_general(info.Env(), std::move(list.pins), std::move(work), to_result);
  });
}

Napi::Value decode(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    const HeadSpec head = to_head(Fields(info[0], "head"));
    std::vector<FeedRequest> requests = read_feeds(info[1], "outputs");
    const Fields fields(info[2], "options");
    const DetectOptions options = to_detect_options(fields);
    const int width = static_cast<int>(fields.whole("inputWidthPx", 1, kMaxSidePx));
    const int height = static_cast<int>(fields.whole("inputHeightPx", 1, kMaxSidePx));
    auto work = std::make_shared<Decoding>(Decoding{head, options, width, height, to_sources(fields)});
    for (const FeedRequest& output : requests) {
      if (output.feed.type == ElementType::kFloat32 || output.feed.type == ElementType::kFloat16) continue;
      refuse_argument("outputs." + output.feed.name + ".type", "float32 or float16", element_name(output.feed.type));
    }
    work->outputs = take_feeds(info.Env(), std::move(requests));
    return begin_general(info.Env(), {}, std::move(work), [](Napi::Env env, const Decoding& done) -> Napi::Value {
      return from_detections(env, done.results);
    });
  });
}

}  // namespace hazure
