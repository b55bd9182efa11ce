#include "models.hpp"

#include <cstdlib>
#include <new>

#include "border.hpp"
#include "convert.hpp"
#include "hazure/checked_size.hpp"
#include "model_objects.hpp"

namespace hazure {
namespace {

/** Runs a step on one piece of a call; an error about items of the piece becomes one about items of the call. */
template <typename Model, typename Step>
void on_piece(const Model& model, std::size_t piece, Step&& step) {
  try {
    step();
  } catch (const ItemError& error) {
    throw error.in_batch(piece * model.fixed_batch());
  }
}

}  // namespace

Napi::Value load_session(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    const std::string path = text_of(info[0], "modelPath");
    const SessionOptions options = to_session_options(info[1], "options");
    if (options.cuda.graphs) {
      refuse_argument("options.cuda.graphs", "no graphs: a plain session's tensors come from the host", "true");
    }
    return begin_load<SessionObject>(
        info.Env(), HandleKind::kSession,
        [](SessionObject& object, auto task) { object.pipeline.after_all(std::move(task)); },
        [path, options](SessionObject& object) { object.put(Session::load(path, options)); },
        [](Napi::Env env, SessionObject& object, Napi::Object result) {
          set(result, "description", from_description(env, object.session.get().description()));
        });
  });
}

Napi::Value run_session(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    std::vector<FeedRequest> requests = read_feeds(info[1], "feeds");
    const auto object = opened<SessionObject>(info[0], HandleKind::kSession);
    auto list = std::make_shared<FeedList>(take_feeds(info.Env(), std::move(requests)));
    auto outputs = std::make_shared<std::vector<OwnedTensor>>();
    return Environment::of(info.Env()).begin({}, [&](const Ticket& ticket) {
      StagePipeline::Call call;
      call.pieces = 1;
      call.prepare = [](std::size_t, int) {};
      call.infer = [raw = object.get(), outputs, list](std::size_t, int) {
        *outputs = raw->session.get().run(list->feeds);
      };
      call.done = [outputs, ticket](const std::exception_ptr& error) {
        if (error) {
          ticket.reject(error);
          return;
        }
        ticket.resolve([outputs](Napi::Env env) -> Napi::Value {
          Napi::Object result = Napi::Object::New(env);
          for (auto& output : *outputs) {
            const std::string name = output.name;
            set(result, name, from_tensor(env, std::move(output)));
          }
          return result;
        });
      };
      object->pipeline.submit(std::move(call));
    });
  });
}

Napi::Value load_detector(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    const Fields fields(info[0], "config");
    Detector::Config config;
    config.model_path = fields.text("modelPath");
    config.preprocess = to_preprocess(fields.object("preprocess"));
    config.head = to_head(fields.object("head"));
    config.layout = to_layout(fields);
    config.session = to_session_options(fields.raw("session"), fields.path_of("session"));
    return begin_load<DetectorObject>(
        info.Env(), HandleKind::kDetector,
        [](DetectorObject& object, auto task) { object.pipeline.after_all(std::move(task)); },
        [config](DetectorObject& object) { object.put(std::make_unique<Detector>(config)); },
        [](Napi::Env env, DetectorObject& object, Napi::Object result) {
          set(result, "description", from_description(env, object.model.get().model().description()));
        });
  });
}

namespace {

/** `detect` and `detectMasks`. */
Napi::Value detect_on(const Napi::CallbackInfo& info, bool with_masks) {
  return promised(info.Env(), [&]() -> Napi::Value {
    const std::vector<RegionRequest> requests = read_images(info[1], "images");
    const DetectOptions options = to_detect_options(Fields(info[2], "options"));
    const auto object = opened<DetectorObject>(info[0], HandleKind::kDetector);
    RegionList list = take_regions(info.Env(), requests, Extent::kImage);
    if (list.regions.empty() && !with_masks) return resolved(info.Env(), Napi::Array::New(info.Env()));

    struct Job {
      std::vector<Region> images;
      Memory memory;
      std::vector<std::vector<Detection>> results;
      std::vector<std::vector<InstanceMask>> masks;
    };
    auto job = std::make_shared<Job>(Job{std::move(list.regions), std::move(list.memory), {}, {}});
    job->results.resize(job->images.size());
    if (with_masks) job->masks.resize(job->images.size());
    DetectorObject* raw = object.get();
    return Environment::of(info.Env()).begin(std::move(list.pins), [&](const Ticket& ticket) {
      StagePipeline::Call call;
      call.pieces = raw->model.get().model().pieces(job->images.size());
      call.prepare = [raw, job](std::size_t piece, int slot) {
        Detector& detector = raw->model.get();
        detector.prepare(detector.model().piece_of(std::span<const Region>(job->images), piece),
                         raw->batches[static_cast<std::size_t>(slot)]);
      };
      call.infer = [raw, job, options](std::size_t piece, int slot) {
        Detector& detector = raw->model.get();
        on_piece(detector.model(), piece, [&] {
          detector.detect(raw->batches[static_cast<std::size_t>(slot)],
                          detector.model().piece_of(std::span<const Region>(job->images), piece), options,
                          detector.model().piece_of(std::span(job->results), piece),
                          job->masks.empty() ? std::span<std::vector<InstanceMask>>()
                                             : detector.model().piece_of(std::span(job->masks), piece));
        });
      };
      call.done = [job, with_masks, ticket](const std::exception_ptr& error) {
        job->memory.clear();
        if (error) {
          ticket.reject(error);
          return;
        }
        ticket.resolve([job, with_masks](Napi::Env env) -> Napi::Value {
          if (!with_masks) return from_detections(env, job->results);
          Napi::Object both = Napi::Object::New(env);
          set(both, "rows", from_detections(env, job->results));
          set(both, "masks", from_masks(env, job->masks));
          return both;
        });
      };
      raw->pipeline.submit(std::move(call));
    });
  });
}

}  // namespace

Napi::Value detect(const Napi::CallbackInfo& info) { return detect_on(info, false); }
Napi::Value detect_masks(const Napi::CallbackInfo& info) { return detect_on(info, true); }

Napi::Value load_embedder(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    const Fields fields(info[0], "config");
    Embedder::Config config;
    config.model_path = fields.text("modelPath");
    config.preprocess = to_preprocess(fields.object("preprocess"));
    config.output = fields.text("output");
    config.layout = to_layout(fields);
    config.normalise = fields.flag("normalise");
    config.session = to_session_options(fields.raw("session"), fields.path_of("session"));
    return begin_load<EmbedderObject>(
        info.Env(), HandleKind::kEmbedder,
        [](EmbedderObject& object, auto task) { object.pipeline.after_all(std::move(task)); },
        [config](EmbedderObject& object) { object.put(std::make_unique<Embedder>(config)); },
        [](Napi::Env env, EmbedderObject& object, Napi::Object result) {
          set(result, "description", from_description(env, object.model.get().model().description()));
          set(result, "dimensions", static_cast<double>(object.model.get().dimensions()));
        });
  });
}

Napi::Value embed(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    const std::vector<RegionRequest> requests = read_regions(info[1], "regions");
    const auto object = opened<EmbedderObject>(info[0], HandleKind::kEmbedder);
    RegionList list = take_regions(info.Env(), requests, Extent::kBox);
    if (list.regions.empty()) return resolved(info.Env(), Napi::Float32Array::New(info.Env(), 0));

    struct Job {
      std::vector<Region> regions;
      Memory memory;
      std::unique_ptr<std::byte[], FreeDeleter> rows;
      std::size_t bytes = 0;
    };
    auto job = std::make_shared<Job>(Job{std::move(list.regions), std::move(list.memory), nullptr, 0});
    EmbedderObject* raw = object.get();
    const std::size_t columns = raw->model.get().dimensions();
    job->bytes = host_bytes(checked_product({job->regions.size(), columns, sizeof(float)}), "the embeddings");
    job->rows.reset(static_cast<std::byte*>(std::malloc(job->bytes)));
    if (!job->rows) throw std::bad_alloc();
    return Environment::of(info.Env()).begin(std::move(list.pins), [&](const Ticket& ticket) {
      StagePipeline::Call call;
      call.pieces = raw->model.get().model().pieces(job->regions.size());
      call.prepare = [raw, job](std::size_t piece, int slot) {
        Embedder& embedder = raw->model.get();
        embedder.prepare_piece(job->regions, piece, raw->batches[static_cast<std::size_t>(slot)]);
      };
      call.infer = [raw, job, columns](std::size_t piece, int slot) {
        Embedder& embedder = raw->model.get();
        auto* rows = reinterpret_cast<float*>(job->rows.get());
        on_piece(embedder.model(), piece, [&] {
          // A fixed batch feeds equal pieces: piece k starts at row k × batch.
          embedder.embed(raw->batches[static_cast<std::size_t>(slot)],
                         rows + piece * embedder.model().fixed_batch() * columns);
        });
      };
      call.done = [job, ticket](const std::exception_ptr& error) {
        job->memory.clear();
        if (error) {
          ticket.reject(error);
          return;
        }
        ticket.resolve([job](Napi::Env env) -> Napi::Value {
          const std::size_t bytes = job->bytes;
          const auto buffer = to_array_buffer(env, std::move(job->rows), bytes);
          return Napi::Float32Array::New(env, bytes / sizeof(float), buffer, 0);
        });
      };
      raw->pipeline.submit(std::move(call));
    });
  });
}

Napi::Value close(const Napi::CallbackInfo& info) {
  return promised(info.Env(), [&]() -> Napi::Value {
    const auto object = take_handle(info[0]);
    if (!object) return resolved(info.Env(), info.Env().Undefined());
    return Environment::of(info.Env()).close(object);
  });
}

}  // namespace hazure
