#include "hazure/engine/embedder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "hazure/engine/failure.hpp"
#ifdef HAZURE_DEVICE_SLOTS
#include "hazure/cuda/normalise.hpp"
#include "hazure/engine/device_slot.hpp"
#endif
#include "hazure/normalise.hpp"
#include "kernels/kernels.hpp"

namespace hazure {
namespace {

/** Columns of `[N, D]` or `[N, D, 1, …]`; 0 where D is open, −1 for any other shape. */
std::int64_t columns_of(std::span<const std::int64_t> dims) {
  if (dims.size() < 2) return -1;
  if (std::any_of(dims.begin() + 2, dims.end(), [](std::int64_t dim) { return dim != 1; })) return -1;
  return std::max<std::int64_t>(dims[1], 0);
}

/** @throws ItemError(kModel) that names all rows with NaN or infinity */
void check_rows(const float* rows, std::size_t count, std::size_t dimensions) {
  const kernels::KernelTable& kernel = kernels::active();
  std::vector<std::size_t> bad;
  for (std::size_t row = 0; row < count; ++row) {
    if (!std::isfinite(kernel.sum_of_squares(rows + row * dimensions, dimensions))) bad.push_back(row);
  }
  if (bad.empty()) return;
  throw ItemError(ErrorKind::kModel, "the embedding holds NaN or infinity",
                  "Run the model in fp32, and check that its preprocessing is the one it was trained with.",
                  std::move(bad));
}

Failure wrong_shape(const std::string& output) {
  return Failure("MODEL_UNSUPPORTED", ErrorKind::kModel,
                 "Output " + output + " of the model does not hold one vector per image",
                 "Expected the shape [N, D] or [N, D, 1, 1]; name a pooled output.");
}

}  // namespace

Embedder::Embedder(const Config& config)
    : model_(config.model_path, config.preprocess, config.session, config.layout), output_(config.output), normalise_(config.normalise) {
  const auto& outputs = model_.description().outputs;
  const auto found = std::find_if(outputs.begin(), outputs.end(),
                                  [&](const TensorInfo& output) { return output.name == output_; });
  if (found == outputs.end()) {
    std::string all;
    for (const auto& output : outputs) all += (all.empty() ? "" : ", ") + output.name;
    throw Failure("MODEL_UNSUPPORTED", ErrorKind::kModel,
                  "The model " + config.model_path + " has no output " + output_ + "; it has " + all);
  }
  const std::int64_t columns = columns_of(found->dims);
  if (columns > 0) {
    dimensions_ = static_cast<std::size_t>(columns);
    return;
  }
  // Open dimensions: one black image tells.
  const std::vector<std::uint8_t> black(std::size_t{3} * 8 * 8, 0);
  const Region region{ImageView{black.data(), 8, 8, 0}, std::nullopt};
  PreparedBatch batch;
  model_.prepare(std::span(&region, 1), batch);
  const char* name = output_.c_str();
  const auto values = model_.infer(batch, std::span(&name, 1));
  const std::int64_t measured = columns_of(values.front().GetTensorTypeAndShapeInfo().GetShape());
  if (measured <= 0) throw wrong_shape(output_);
  dimensions_ = static_cast<std::size_t>(measured);
}

void Embedder::embed(PreparedBatch& batch, float* rows) {
  const char* name = output_.c_str();
  const auto values = model_.infer(batch, std::span(&name, 1));
  const auto shape = values.front().GetTensorTypeAndShapeInfo().GetShape();
  if (columns_of(shape) != static_cast<std::int64_t>(dimensions_) ||
      shape[0] < static_cast<std::int64_t>(batch.count)) {
    throw wrong_shape(output_);
  }
#ifdef HAZURE_DEVICE_SLOTS
  if (model_.outputs_on_device(batch, std::span(&name, 1))) {
    // The runtime's own output: nobody else reads it, so it is normalised in place.
    auto* on_device = const_cast<float*>(values.front().GetTensorData<float>());
    DeviceSlot& slot = *batch.device;
    if (normalise_) cuda::l2_normalise_rows(on_device, batch.count, dimensions_, slot.workspace(), slot.stream());
    slot.download(rows, on_device, batch.count * dimensions_);
    check_rows(rows, batch.count, dimensions_);
    return;
  }
#endif
  std::vector<float> storage;
  std::vector<std::int64_t> dims;
  const float* data = float_values(values.front(), output_, storage, dims);
  std::memcpy(rows, data, batch.count * dimensions_ * sizeof(float));
  check_rows(rows, batch.count, dimensions_);
  if (normalise_) l2_normalise_rows(rows, batch.count, dimensions_, engine_pool());
}

}  // namespace hazure
