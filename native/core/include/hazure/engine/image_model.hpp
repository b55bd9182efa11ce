#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hazure/detections.hpp"
#include "hazure/engine/session.hpp"
#include "hazure/preprocess.hpp"
#include "hazure/thread_pool.hpp"

namespace hazure {

class BoundRuns;
class DeviceImages;
class DeviceSlot;

/** The threads that every engine of this process shares for pixels and boxes; made at first use, never ended. */
ThreadPool& engine_pool();

/** The order of an image tensor's dimensions. */
enum class InputLayout {
  kAuto,  // as the model's input says: 3 channels second or last
  kNchw,
  kNhwc,
};

/** A prepared batch: the model's input tensor and where each region lies in it. Its memory is reused. */
struct PreparedBatch {
  std::size_t count = 0;
  std::vector<Placement> placements;
  std::vector<float> pixels;
  std::vector<std::uint16_t> half_pixels;
  std::vector<std::uint8_t> byte_pixels;
  /** `pixels` in the order of a model that wants its channels last. */
  std::vector<float> interleaved;
  /** The batch in device memory, in place of the pixels above; null where the model runs on the CPU. */
  std::shared_ptr<DeviceSlot> device;
  /** What was captured of the inferences on that memory; null where nothing is. After `device`: it goes first. */
  std::shared_ptr<BoundRuns> runs;
};

/**
 * A model that takes one image tensor `[N, 3, height, width]` or `[N, height, width, 3]`, float32, float16 or uint8 (the
 * preprocessed values rounded and clipped to 0…255). Channels last and bytes are made on the host, also for a GPU.
 */
class ImageModel {
 public:
  /** @throws Failure as Session::load; MODEL_UNSUPPORTED when the input does not take what `spec` makes */
  ImageModel(const std::string& path, const PreprocessSpec& spec, const SessionOptions& options,
             InputLayout layout = InputLayout::kAuto);

  [[nodiscard]] const SessionDescription& description() const { return session_->description(); }
  [[nodiscard]] const PreprocessSpec& spec() const { return spec_; }

  /** The batch size that the model insists on, or 0. */
  [[nodiscard]] std::size_t fixed_batch() const { return fixed_batch_; }

  /** How many pieces `count` items are fed in; one where the batch is open. */
  [[nodiscard]] std::size_t pieces(std::size_t count) const;
  /** The items of piece `piece`. */
  template <typename T>
  std::span<T> piece_of(std::span<T> items, std::size_t piece) const {
    if (fixed_batch_ == 0) return items;
    const std::size_t first = piece * fixed_batch_;
    return items.subspan(first, std::min(fixed_batch_, items.size() - first));
  }

  /** Preprocesses regions into `batch`; what a fixed batch leaves free is zero. */
  void prepare(std::span<const Region> regions, PreparedBatch& batch) const;

  /**
   * `prepare` for piece `piece` of a call, for one thread at a time and a call's pieces in order: an image that several
   * pieces cut from is brought to the device once. All images of the call lie there together.
   */
  void prepare_piece(std::span<const Region> call, std::size_t piece, PreparedBatch& batch);

  /** Where outputs may lie after an inference. */
  enum class Place { kAny, kHost };

  /**
   * Infers a prepared batch; up to `description().streams` threads at a time, each with a batch of its own. @param outputs names to compute, in this order. They lie in device memory where the batch
   * does and all of them are float32 (`outputs_on_device`), else on the host.
   */
  std::vector<Ort::Value> infer(PreparedBatch& batch, std::span<const char* const> outputs, Place place = Place::kAny);
  /** Whether `infer` leaves the outputs in device memory. They stay as they are until the batch is inferred again. */
  [[nodiscard]] bool outputs_on_device(const PreparedBatch& batch, std::span<const char* const> outputs) const;

  void abort() { session_->abort(); }

 private:
#ifdef HAZURE_DEVICE_SLOTS
  void prepare_on_device(std::span<const Region> regions, bool uploaded, PreparedBatch& batch) const;
  std::vector<Ort::Value> infer_on_device(PreparedBatch& batch, std::span<const char* const> outputs, Place place);
#endif

  std::shared_ptr<Session> session_;
  PreprocessSpec spec_;
  std::size_t fixed_batch_ = 0;
  void shape_input(PreparedBatch& batch, std::size_t rows) const;
  [[nodiscard]] Ort::Value input_tensor(PreparedBatch& batch, std::size_t rows) const;

  bool half_ = false;
  bool bytes_ = false;
  bool channels_last_ = false;
  std::size_t oom_above_ = 0;
  /** Device of the prepared batches; −1 = they stay on the host. */
  int batch_device_ = -1;
  /** Made for the first call of several pieces. */
  std::shared_ptr<DeviceImages> images_;
  std::span<const Region> uploaded_;
};

/** An output as float32: the value's own memory, or `storage` where it is of another type. */
const float* float_values(const Ort::Value& value, const std::string& name, std::vector<float>& storage,
                          std::vector<std::int64_t>& dims);

}  // namespace hazure
