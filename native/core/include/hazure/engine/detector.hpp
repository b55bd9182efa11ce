#pragma once

#include <span>
#include <string>
#include <vector>

#include "hazure/engine/image_model.hpp"

namespace hazure {

/** Preprocess, infer, decode and NMS of a detector, in two steps that may run on different threads. */
class Detector {
 public:
  struct Config {
    std::string model_path;
    PreprocessSpec preprocess;
    HeadSpec head;
    SessionOptions session;
    InputLayout layout = InputLayout::kAuto;
  };

  /** @throws Failure as ImageModel; MODEL_UNSUPPORTED when an output that the head names is not there */
  explicit Detector(const Config& config);

  ImageModel& model() { return model_; }

  /** Step one: pixels to the input tensor. */
  void prepare(std::span<const Region> images, PreparedBatch& batch) const { model_.prepare(images, batch); }

  /**
   * Step two: `results` becomes one list per image.
   *
   * @param masks empty, or as many lists as results, which get the objects' masks. The head must have some.
   */
  void detect(PreparedBatch& batch, std::span<const Region> images, const DetectOptions& options,
              std::span<std::vector<Detection>> results, std::span<std::vector<InstanceMask>> masks = {});

 private:
  ImageModel model_;
  HeadSpec head_;
  std::vector<std::string> outputs_;
};

}  // namespace hazure
