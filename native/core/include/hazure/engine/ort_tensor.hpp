#pragma once

#include <vector>

#include "hazure/engine/ort_api.hpp"
#include "hazure/engine/tensor.hpp"

namespace hazure {

ElementType from_onnx(ONNXTensorElementDataType type);
ONNXTensorElementDataType to_onnx(ElementType type);

std::vector<TensorInfo> model_inputs(const Ort::Session& session);
std::vector<TensorInfo> model_outputs(const Ort::Session& session);

}  // namespace hazure
