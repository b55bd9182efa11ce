#include "hazure/engine/detector.hpp"

#include <algorithm>
#include <variant>

#include "hazure/engine/failure.hpp"
#ifdef HAZURE_DEVICE_SLOTS
#include "hazure/cuda/detections.hpp"
#include "hazure/engine/device_slot.hpp"
#endif

namespace hazure {
namespace {

/** The outputs that a head reads: those it names, with the model's first for an empty name. */
std::vector<std::string> outputs_read_by(const HeadSpec& head, const SessionDescription& model) {
  std::vector<std::string> names = outputs_of(head);
  if (!model.outputs.empty()) std::replace(names.begin(), names.end(), std::string(), model.outputs.front().name);
  for (const auto& name : names) {
    const bool known = std::any_of(model.outputs.begin(), model.outputs.end(),
                                   [&](const TensorInfo& output) { return output.name == name; });
    if (known) continue;
    std::string all;
    for (const auto& output : model.outputs) all += (all.empty() ? "" : ", ") + output.name;
    throw Failure("MODEL_UNSUPPORTED", ErrorKind::kModel,
                  "The detection head reads the output " + name + ", but the model has " + all,
                  "Name the model's own outputs in the head, or choose another kind of head.");
  }
  return names;
}

}  // namespace

Detector::Detector(const Config& config)
    : model_(config.model_path, config.preprocess, config.session, config.layout),
      head_(config.head),
      outputs_(outputs_read_by(head_, model_.description())) {}

void Detector::detect(PreparedBatch& batch, std::span<const Region> images, const DetectOptions& options,
                      std::span<std::vector<Detection>> results, std::span<std::vector<InstanceMask>> masks) {
  std::vector<const char*> names;
  for (const auto& name : outputs_) names.push_back(name.c_str());
  const bool on_device = decodes_on_device(head_) && model_.outputs_on_device(batch, names);
  const auto values = model_.infer(batch, names, on_device ? ImageModel::Place::kAny : ImageModel::Place::kHost);

  std::vector<DetectionSource> sources;
  for (std::size_t i = 0; i < images.size(); ++i) {
    sources.push_back({images[i].image.width_px, images[i].image.height_px, batch.placements[i]});
  }
  std::vector<std::vector<Detection>> decoded;
#ifdef HAZURE_DEVICE_SLOTS
  if (on_device) {
    std::vector<std::vector<std::int64_t>> shapes(values.size());
    std::vector<TensorView> there;
    for (std::size_t i = 0; i < values.size(); ++i) {
      shapes[i] = values[i].GetTensorTypeAndShapeInfo().GetShape();
      there.push_back(TensorView{outputs_[i], shapes[i], values[i].GetTensorData<float>()});
    }
    cuda::decode_detections(head_, there, model_.spec().width_px, model_.spec().height_px, sources, options,
                            decoded, batch.device->workspace(), batch.device->stream());
    std::move(decoded.begin(), decoded.end(), results.begin());
    return;
  }
#endif
  std::vector<std::vector<float>> storage(values.size());
  std::vector<std::vector<std::int64_t>> dims(values.size());
  std::vector<TensorView> views;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float* data = float_values(values[i], outputs_[i], storage[i], dims[i]);
    views.push_back(TensorView{outputs_[i], dims[i], data});
  }
  std::vector<std::vector<InstanceMask>> found;
  decode_detections(head_, views, model_.spec().width_px, model_.spec().height_px, sources, options, decoded,
                    engine_pool(), masks.empty() ? nullptr : &found);
  std::move(decoded.begin(), decoded.end(), results.begin());
  std::move(found.begin(), found.end(), masks.begin());
}

}  // namespace hazure
