#include "hazure/engine/image_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "hazure/checked_size.hpp"
#include "hazure/engine/failure.hpp"
#ifdef HAZURE_DEVICE_SLOTS
#include "hazure/cuda/device.hpp"
#include "hazure/engine/bound_runs.hpp"
#include "hazure/engine/device_slot.hpp"
#endif
#include "hazure/half.hpp"

namespace hazure {

ThreadPool& engine_pool() {
  // Leaked on purpose: threads of a process that is ending must not be waited for by a static destructor.
  static auto* pool = new ThreadPool();
  return *pool;
}

namespace {

/** Beyond that many, several cores for each inference: their working sets would fall out of the caches. */
constexpr int kMostStreams = 16;

/**
 * HAZURE_INJECT_OOM_ABOVE: batches larger than this fail as if memory had run out, so that the way back from there
 * can be tried on any machine; 0 = never.
 */
std::size_t injected_limit() {
  const char* text = std::getenv("HAZURE_INJECT_OOM_ABOVE");
  return text == nullptr ? 0 : std::strtoul(text, nullptr, 10);
}

void check_graphs(const SessionOptions& options) {
  if (!options.cuda.graphs || options.cuda.device_tensors) return;
  throw Failure("INPUT_INVALID", ErrorKind::kInput, "cuda.graphs needs cuda.deviceTensors, which is switched off",
                "A graph replays on tensors that stay where they are: leave one of the two out.");
}

}  // namespace

ImageModel::ImageModel(const std::string& path, const PreprocessSpec& spec, const SessionOptions& options,
                       InputLayout layout)
    : spec_(spec), oom_above_(injected_limit()) {
  placement_of(PixelRect{0, 0, 1, 1}, spec);  // refuses a bad spec before a model is loaded for it
  SessionOptions shaped = options;
  shaped.input_height_px = spec.height_px;
  shaped.input_width_px = spec.width_px;
  shaped.streams = cpu_plan(options, kMostStreams).streams;
  check_graphs(options);
  session_ = Session::load(path, shaped);
  const auto& inputs = session_->description().inputs;
  const auto unsupported = [&](const std::string& what) {
    return Failure("MODEL_UNSUPPORTED", ErrorKind::kModel, "The model " + path + " " + what,
                   "Expected one input [N, 3, height, width] or [N, height, width, 3] of float32, float16 or uint8.");
  };
  if (inputs.size() != 1) throw unsupported("has " + std::to_string(inputs.size()) + " inputs");
  const auto& dims = inputs[0].dims;
  const ElementType type = inputs[0].type;
  if (type != ElementType::kFloat32 && type != ElementType::kFloat16 && type != ElementType::kUint8) {
    throw unsupported(std::string("takes ") + element_name(type));
  }
  if (dims.size() != 4) throw unsupported("takes no batch of 3-channel images");
  channels_last_ = layout == InputLayout::kNhwc || (layout == InputLayout::kAuto && dims[1] != 3 && dims[3] == 3);
  const std::size_t channels = channels_last_ ? 3 : 1;
  const std::int64_t height = dims[channels_last_ ? 1 : 2];
  const std::int64_t width = dims[channels_last_ ? 2 : 3];
  if (dims[channels] >= 0 && dims[channels] != 3) throw unsupported("takes no batch of 3-channel images");
  if ((height >= 0 && height != spec.height_px) || (width >= 0 && width != spec.width_px)) {
    throw unsupported("takes images of " + std::to_string(width) + "×" + std::to_string(height) +
                      " pixels (width × height), but is to be fed " + std::to_string(spec.width_px) + "×" +
                      std::to_string(spec.height_px));
  }
  fixed_batch_ = dims[0] > 0 ? static_cast<std::size_t>(dims[0]) : 0;
  half_ = type == ElementType::kFloat16;
  bytes_ = type == ElementType::kUint8;
#ifdef HAZURE_DEVICE_SLOTS
  const bool planar_floats = !bytes_ && !channels_last_;
  if (planar_floats && options.cuda.device_tensors && description().device != Device::kCpu) {
    batch_device_ = options.device_id;
  }
#else
  if (description().graphs) {
    throw Failure("DEVICE_UNAVAILABLE", ErrorKind::kDevice,
                  "cuda.graphs needs the engine's CUDA kernels, and this engine was built without them",
                  "Run `npm run setup` where nvcc is on the PATH, or leave cuda.graphs out.");
  }
#endif
}

std::size_t ImageModel::pieces(std::size_t count) const {
  if (count == 0) return 0;
  return fixed_batch_ == 0 ? 1 : (count + fixed_batch_ - 1) / fixed_batch_;
}

#ifdef HAZURE_DEVICE_SLOTS
void ImageModel::prepare_on_device(std::span<const Region> regions, bool uploaded, PreparedBatch& batch) const {
  batch.count = regions.size();
  batch.placements.resize(regions.size());
  if (!batch.device) batch.device = std::make_shared<DeviceSlot>(batch_device_, half_);
  const std::size_t rows = fixed_batch_ == 0 ? regions.size() : fixed_batch_;
  if (uploaded) {
    batch.device->prepare_uploaded(regions, rows, spec_, batch.placements.data());
  } else {
    batch.device->prepare(regions, rows, spec_, batch.placements.data());
  }
}
#endif

void ImageModel::prepare_piece(std::span<const Region> call, std::size_t piece, PreparedBatch& batch) {
#ifdef HAZURE_DEVICE_SLOTS
  if (batch_device_ >= 0 && pieces(call.size()) > 1) {
    if (!images_) images_ = std::make_shared<DeviceImages>(batch_device_);
    if (piece == 0) uploaded_ = images_->upload(call);
    prepare_on_device(piece_of(uploaded_, piece), true, batch);
    return;
  }
#endif
  prepare(piece_of(call, piece), batch);
}

void ImageModel::prepare(std::span<const Region> regions, PreparedBatch& batch) const {
#ifdef HAZURE_DEVICE_SLOTS
  if (batch_device_ >= 0) {
    prepare_on_device(regions, false, batch);
    return;
  }
#endif
  const std::size_t per_item = preprocessed_floats(spec_);
  const std::size_t rows = fixed_batch_ == 0 ? regions.size() : fixed_batch_;
  host_bytes(checked_product({rows, per_item, sizeof(float)}), "the model's input tensor");
  batch.count = regions.size();
  batch.placements.resize(regions.size());
  batch.pixels.resize(rows * per_item);
  preprocess_batch(regions, spec_, batch.pixels.data(), batch.placements.data(), engine_pool());
  std::fill(batch.pixels.begin() + static_cast<std::ptrdiff_t>(regions.size() * per_item), batch.pixels.end(), 0.0F);
  shape_input(batch, rows);
}

/** From planes of floats to what the model's input wants. */
void ImageModel::shape_input(PreparedBatch& batch, std::size_t rows) const {
  const std::size_t per_item = preprocessed_floats(spec_);
  const std::size_t plane = per_item / 3;
  if (channels_last_) batch.interleaved.resize(batch.pixels.size());
  if (half_) batch.half_pixels.resize(batch.pixels.size());
  if (bytes_) batch.byte_pixels.resize(batch.pixels.size());
  if (!channels_last_ && !half_ && !bytes_) return;
  engine_pool().parallel_for(rows, [&](std::size_t row) {
    const std::size_t first = row * per_item;
    const float* values = batch.pixels.data() + first;
    if (channels_last_) {
      float* to = batch.interleaved.data() + first;
      for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t i = 0; i < plane; ++i) to[3 * i + c] = values[c * plane + i];
      }
      values = to;
    }
    if (half_) float_to_half(values, batch.half_pixels.data() + first, per_item);
    if (bytes_) {
      for (std::size_t i = 0; i < per_item; ++i) {
        const float value = std::nearbyint(values[i]);
        batch.byte_pixels[first + i] = static_cast<std::uint8_t>(std::min(std::max(value, 0.0F), 255.0F));
      }
    }
  });
}

Ort::Value ImageModel::input_tensor(PreparedBatch& batch, std::size_t rows) const {
  const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
  const auto count = static_cast<std::int64_t>(rows);
  const std::array<std::int64_t, 4> dims =
      channels_last_ ? std::array<std::int64_t, 4>{count, spec_.height_px, spec_.width_px, 3}
                     : std::array<std::int64_t, 4>{count, 3, spec_.height_px, spec_.width_px};
  const std::size_t elements = rows * preprocessed_floats(spec_);
  if (half_) {
    return Ort::Value::CreateTensor(memory, batch.half_pixels.data(), elements * sizeof(std::uint16_t), dims.data(),
                                    dims.size(), ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16);
  }
  if (bytes_) return Ort::Value::CreateTensor<std::uint8_t>(memory, batch.byte_pixels.data(), elements, dims.data(), dims.size());
  std::vector<float>& values = channels_last_ ? batch.interleaved : batch.pixels;
  return Ort::Value::CreateTensor<float>(memory, values.data(), elements, dims.data(), dims.size());
}

bool ImageModel::outputs_on_device(const PreparedBatch& batch, std::span<const char* const> outputs) const {
  if (!batch.device) return false;
  return std::all_of(outputs.begin(), outputs.end(), [&](const char* name) {
    const auto& known = description().outputs;
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const TensorInfo& output) { return output.name == name; });
    return found != known.end() && found->type == ElementType::kFloat32;
  });
}

#ifdef HAZURE_DEVICE_SLOTS
std::vector<Ort::Value> ImageModel::infer_on_device(PreparedBatch& batch, std::span<const char* const> outputs,
                                                    Place place) {
  DeviceSlot& slot = *batch.device;
  cuda::use_device(batch_device_);
  const bool stay = place == Place::kAny && outputs_on_device(batch, outputs);
  if (description().graphs) {
    // A replay writes where the capture wrote, so nothing of it may lie on the host.
    if (!batch.runs) batch.runs = std::make_shared<BoundRuns>(session_);
    std::vector<Ort::Value> values = batch.runs->run(slot.tensor(), outputs, slot.memory_info());
    return stay ? std::move(values) : slot.to_host(values);
  }
  const Ort::MemoryInfo memory =
      stay ? slot.memory_info() : Ort::MemoryInfo("Cpu", OrtDeviceAllocator, 0, OrtMemTypeDefault);
  const Ort::Value input = slot.tensor();
  Ort::IoBinding binding = session_->bind(input, outputs, memory);
  session_->run_bound(binding);
  return binding.GetOutputValues();
}
#endif

std::vector<Ort::Value> ImageModel::infer(PreparedBatch& batch, std::span<const char* const> outputs,
                                          [[maybe_unused]] Place place) {
  if (oom_above_ > 0 && batch.count > oom_above_) {
    throw Failure("DEVICE_OUT_OF_MEMORY", ErrorKind::kOutOfDeviceMemory,
                  "Injected: a batch of " + std::to_string(batch.count) + " is above HAZURE_INJECT_OOM_ABOVE",
                  "Unset HAZURE_INJECT_OOM_ABOVE.");
  }
#ifdef HAZURE_DEVICE_SLOTS
  if (batch.device) {
    return infer_on_device(batch, outputs, place);
  }
#endif
  const Ort::Value input = input_tensor(batch, fixed_batch_ == 0 ? batch.count : fixed_batch_);
  return session_->run_values(std::span(&input, 1), outputs);
}

namespace {

/** Class numbers and counts; whole numbers up to 2^24 stay as they are. */
template <typename T>
const float* whole_values(const Ort::Value& value, std::vector<float>& storage) {
  const T* from = value.GetTensorData<T>();
  storage.assign(from, from + value.GetTensorTypeAndShapeInfo().GetElementCount());
  return storage.data();
}

}  // namespace

const float* float_values(const Ort::Value& value, const std::string& name, std::vector<float>& storage,
                          std::vector<std::int64_t>& dims) {
  const auto info = value.GetTensorTypeAndShapeInfo();
  dims = info.GetShape();
  switch (info.GetElementType()) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
      return value.GetTensorData<float>();
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16: {
      storage.resize(info.GetElementCount());
      half_to_float(static_cast<const std::uint16_t*>(value.GetTensorRawData()), storage.data(), storage.size());
      return storage.data();
    }
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
      return whole_values<std::int64_t>(value, storage);
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
      return whole_values<std::int32_t>(value, storage);
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8:
      return whole_values<std::uint8_t>(value, storage);
    default:
      throw Failure("MODEL_UNSUPPORTED", ErrorKind::kModel,
                    "Output " + name + " of the model is not of float32, float16, int64, int32 or uint8");
  }
}

}  // namespace hazure
