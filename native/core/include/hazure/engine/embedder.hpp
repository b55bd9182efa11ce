#pragma once

#include <span>
#include <string>
#include <vector>

#include "hazure/engine/image_model.hpp"

namespace hazure {

/** Crop, resize, infer and L2-normalise, in two steps that may run on different threads. */
class Embedder {
 public:
  struct Config {
    std::string model_path;
    PreprocessSpec preprocess;
    std::string output;
    bool normalise = true;
    SessionOptions session;
    InputLayout layout = InputLayout::kAuto;
  };

  /** @throws Failure as ImageModel; MODEL_UNSUPPORTED when the output is not there or no `[N, D]` */
  explicit Embedder(const Config& config);

  ImageModel& model() { return model_; }
  [[nodiscard]] std::size_t dimensions() const { return dimensions_; }

  /** Step one: pixels to the input tensor. */
  void prepare(std::span<const Region> regions, PreparedBatch& batch) const { model_.prepare(regions, batch); }
  void prepare_piece(std::span<const Region> call, std::size_t piece, PreparedBatch& batch) {
    model_.prepare_piece(call, piece, batch);
  }

  /** Step two: one row of `dimensions()` floats per region into `rows`. */
  void embed(PreparedBatch& batch, float* rows);

 private:
  ImageModel model_;
  std::string output_;
  bool normalise_;
  std::size_t dimensions_ = 0;
};

}  // namespace hazure
