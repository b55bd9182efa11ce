#include "calls.hpp"

#include <new>

#include "convert.hpp"
#include "environment.hpp"
#include "errors.hpp"
#include "hazure/engine/image_model.hpp"
#include "hazure/half.hpp"

namespace hazure {

Napi::Value preprocess(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    RegionList list = to_regions(info[0], "regions");
    const PreprocessSpec spec = to_preprocess(Fields(info[1], "spec"));
    Environment& environment = Environment::of(info.Env());
    auto [promise, ticket] = environment.begin(list.pins);
    environment.general().post([regions = std::move(list.regions), spec, ticket = ticket] {
      try {
        struct Result {
          std::unique_ptr<std::byte[], FreeDeleter> pixels;
          std::size_t floats;
          std::vector<Placement> placements;
        };
        auto result = std::make_shared<Result>();
        result->floats = regions.size() * preprocessed_floats(spec);
        result->placements.resize(regions.size());
        if (!regions.empty()) {
          result->pixels.reset(static_cast<std::byte*>(std::malloc(result->floats * sizeof(float))));
          if (!result->pixels) throw std::bad_alloc();
          preprocess_batch(regions, spec, reinterpret_cast<float*>(result->pixels.get()), result->placements.data(),
                           engine_pool());
        }
        ticket.resolve([result](Napi::Env env) -> Napi::Value {
          Napi::Array placements = Napi::Array::New(env, result->placements.size());
          for (std::uint32_t i = 0; i < result->placements.size(); ++i) {
            placements.Set(i, from_placement(env, result->placements[i]));
          }
          Napi::Object object = Napi::Object::New(env);
          const auto buffer = to_array_buffer(env, std::move(result->pixels), result->floats * sizeof(float));
          object.Set("data", Napi::Float32Array::New(env, result->floats, buffer, 0));
          object.Set("placements", placements);
          return object;
        });
      } catch (...) {
        ticket.reject(std::current_exception());
      }
    });
    return promise;
  });
}

Napi::Value decode(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const HeadSpec head = to_head(Fields(info[0], "head"));
    FeedList outputs = to_feeds(info[1], "outputs");
    const Fields options_fields(info[2], "options");
    const DetectOptions options = to_detect_options(options_fields);
    const int width = static_cast<int>(options_fields.whole("inputWidthPx", 1, kMaxSidePx));
    const int height = static_cast<int>(options_fields.whole("inputHeightPx", 1, kMaxSidePx));
    std::vector<DetectionSource> sources;
    for (const auto& element : elements_of(options_fields.raw("sources"), "options.sources")) {
      const Fields source(element, "options.sources[" + std::to_string(sources.size()) + "]");
      sources.push_back({static_cast<int>(source.whole("widthPx", 1, kMaxSidePx)),
                         static_cast<int>(source.whole("heightPx", 1, kMaxSidePx)),
                         to_placement(source.object("placement"))});
    }
    for (const FeedView& output : outputs.feeds) {
      std::size_t elements = 1;
      for (const auto dim : output.dims) elements *= static_cast<std::size_t>(dim);
      if (output.type != ElementType::kFloat32 && output.type != ElementType::kFloat16) {
        refuse_argument("outputs." + output.name + ".type", "float32 or float16", element_name(output.type));
      }
      if (elements * element_bytes(output.type) != output.bytes) {
        refuse_argument("outputs." + output.name + ".data", std::to_string(elements) + " values for its dims",
                        std::to_string(output.bytes / element_bytes(output.type)));
      }
    }
    Environment& environment = Environment::of(info.Env());
    auto [promise, ticket] = environment.begin(outputs.pins);
    environment.general().post(
        [head, feeds = std::move(outputs.feeds), options, width, height, sources = std::move(sources), ticket = ticket] {
          try {
            std::vector<std::vector<float>> storage(feeds.size());
            std::vector<TensorView> views;
            for (std::size_t i = 0; i < feeds.size(); ++i) {
              const auto* values = static_cast<const float*>(feeds[i].data);
              if (feeds[i].type == ElementType::kFloat16) {
                storage[i].resize(feeds[i].bytes / sizeof(std::uint16_t));
                half_to_float(static_cast<const std::uint16_t*>(feeds[i].data), storage[i].data(), storage[i].size());
                values = storage[i].data();
              }
              views.push_back(TensorView{feeds[i].name, feeds[i].dims, values});
            }
            auto results = std::make_shared<std::vector<std::vector<Detection>>>();
            decode_detections(head, views, width, height, sources, options, *results, engine_pool());
            ticket.resolve([results](Napi::Env env) -> Napi::Value { return from_detections(env, *results); });
          } catch (...) {
            ticket.reject(std::current_exception());
          }
        });
    return promise;
  });
}

}  // namespace hazure
