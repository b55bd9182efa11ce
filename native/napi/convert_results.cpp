#include <cstdlib>
#include <cstring>

#include "convert.hpp"

namespace hazure {
namespace {

Napi::Array from_tensor_infos(Napi::Env env, const std::vector<TensorInfo>& infos) {
  Napi::Array array = Napi::Array::New(env, infos.size());
  for (std::uint32_t i = 0; i < infos.size(); ++i) {
    Napi::Object info = Napi::Object::New(env);
    info.Set("name", infos[i].name);
    info.Set("type", element_name(infos[i].type));
    Napi::Array dims = Napi::Array::New(env, infos[i].dims.size());
    for (std::uint32_t d = 0; d < infos[i].dims.size(); ++d) {
      dims.Set(d, Napi::Number::New(env, static_cast<double>(infos[i].dims[d])));
    }
    info.Set("dims", dims);
    array.Set(i, info);
  }
  return array;
}

}  // namespace

Napi::ArrayBuffer to_array_buffer(Napi::Env env, std::unique_ptr<std::byte[], FreeDeleter> data, std::size_t bytes) {
  if (bytes == 0) return Napi::ArrayBuffer::New(env, 0);
  std::byte* raw = data.get();
  Napi::ArrayBuffer buffer =
      Napi::ArrayBuffer::New(env, raw, bytes, [](Napi::Env, void* memory) { std::free(memory); });
  data.release();  // only now: the line above may throw
  return buffer;
}

Napi::Object from_tensor(Napi::Env env, OwnedTensor tensor) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array dims = Napi::Array::New(env, tensor.dims.size());
  for (std::uint32_t i = 0; i < tensor.dims.size(); ++i) {
    dims.Set(i, Napi::Number::New(env, static_cast<double>(tensor.dims[i])));
  }
  const std::size_t elements = tensor.bytes / element_bytes(tensor.type);
  const ElementType type = tensor.type;
  const Napi::ArrayBuffer buffer = to_array_buffer(env, std::move(tensor.data), tensor.bytes);
  Napi::Value data;
  switch (type) {
    case ElementType::kFloat32:
      data = Napi::Float32Array::New(env, elements, buffer, 0);
      break;
    case ElementType::kFloat16:
      data = Napi::Uint16Array::New(env, elements, buffer, 0);
      break;
    case ElementType::kInt64:
      data = Napi::BigInt64Array::New(env, elements, buffer, 0);
      break;
    case ElementType::kInt32:
      data = Napi::Int32Array::New(env, elements, buffer, 0);
      break;
    default:
      data = Napi::Uint8Array::New(env, elements, buffer, 0);
      break;
  }
  object.Set("type", element_name(type));
  object.Set("dims", dims);
  object.Set("data", data);
  return object;
}

Napi::Object from_placement(Napi::Env env, const Placement& placement) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("scaleX", placement.scale_x);
  object.Set("scaleY", placement.scale_y);
  object.Set("offsetX", placement.offset_x);
  object.Set("offsetY", placement.offset_y);
  return object;
}

Napi::Object from_description(Napi::Env env, const SessionDescription& description) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("inputs", from_tensor_infos(env, description.inputs));
  object.Set("outputs", from_tensor_infos(env, description.outputs));
  Napi::Object metadata = Napi::Object::New(env);
  for (const auto& [key, value] : description.metadata) metadata.Set(key, value);
  object.Set("metadata", metadata);
  object.Set("device", device_name(description.device));
  object.Set("deviceReason", description.device_reason);
  object.Set("streams", description.streams);
  object.Set("precision", description.precision == Precision::kFp16 ? "fp16" : "fp32");
  return object;
}

Napi::Array from_detections(Napi::Env env, const std::vector<std::vector<Detection>>& detections) {
  Napi::Array images = Napi::Array::New(env, detections.size());
  for (std::uint32_t i = 0; i < detections.size(); ++i) {
    const auto& list = detections[i];
    Napi::Float32Array rows = Napi::Float32Array::New(env, list.size() * 6);
    if (!list.empty()) std::memcpy(rows.Data(), list.data(), list.size() * sizeof(Detection));
    images.Set(i, rows);
  }
  return images;
}

Napi::Array from_masks(Napi::Env env, const std::vector<std::vector<InstanceMask>>& masks) {
  Napi::Array images = Napi::Array::New(env, masks.size());
  for (std::uint32_t i = 0; i < masks.size(); ++i) {
    Napi::Array list = Napi::Array::New(env, masks[i].size());
    for (std::uint32_t n = 0; n < masks[i].size(); ++n) {
      const auto& from = masks[i][n].runs;
      Napi::Uint32Array runs = Napi::Uint32Array::New(env, from.size());
      if (!from.empty()) std::memcpy(runs.Data(), from.data(), from.size() * sizeof(std::uint32_t));
      list.Set(n, runs);
    }
    images.Set(i, list);
  }
  return images;
}

}  // namespace hazure
