#include <cstdlib>
#include <cstring>

#include "blocks.hpp"
#include "border.hpp"
#include "convert.hpp"

namespace hazure {
namespace {

Napi::Array from_tensor_infos(Napi::Env env, const std::vector<TensorInfo>& infos) {
  Napi::Array array = Napi::Array::New(env, infos.size());
  for (std::uint32_t i = 0; i < infos.size(); ++i) {
    Napi::Object info = Napi::Object::New(env);
    set(info, "name", infos[i].name);
    set(info, "type", element_name(infos[i].type));
    Napi::Array dims = Napi::Array::New(env, infos[i].dims.size());
    for (std::uint32_t d = 0; d < infos[i].dims.size(); ++d) {
      set(dims, d, static_cast<double>(infos[i].dims[d]));
    }
    set(info, "dims", dims);
    set(array, i, info);
  }
  return array;
}

}  // namespace

Napi::ArrayBuffer to_array_buffer(Napi::Env env, Block block, std::size_t bytes) {
  auto share = std::make_unique<Block>(std::move(block));
  napi_value buffer = nullptr;
  const auto finalize = [](napi_env, void*, void* hint) { delete static_cast<Block*>(hint); };
  check(env, napi_create_external_arraybuffer(env, share->get(), bytes, finalize, share.get(), &buffer),
        "a buffer for a result");
  share.release();  // only now: the line above may throw
  return {env, buffer};
}

Napi::ArrayBuffer to_array_buffer(Napi::Env env, std::unique_ptr<std::byte[], FreeDeleter> data, std::size_t bytes) {
  if (bytes == 0) return Napi::ArrayBuffer::New(env, 0);
  return to_array_buffer(env, make_block(std::move(data), bytes), bytes);
}

Napi::Object from_tensor(Napi::Env env, OwnedTensor tensor) {
  Napi::Object object = Napi::Object::New(env);
  Napi::Array dims = Napi::Array::New(env, tensor.dims.size());
  for (std::uint32_t i = 0; i < tensor.dims.size(); ++i) {
    set(dims, i, static_cast<double>(tensor.dims[i]));
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
  set(object, "type", element_name(type));
  set(object, "dims", dims);
  set(object, "data", data);
  return object;
}

Napi::Object from_placement(Napi::Env env, const Placement& placement) {
  Napi::Object object = Napi::Object::New(env);
  set(object, "scaleX", placement.scale_x);
  set(object, "scaleY", placement.scale_y);
  set(object, "offsetX", placement.offset_x);
  set(object, "offsetY", placement.offset_y);
  return object;
}

Napi::Object from_description(Napi::Env env, const SessionDescription& description) {
  Napi::Object object = Napi::Object::New(env);
  set(object, "inputs", from_tensor_infos(env, description.inputs));
  set(object, "outputs", from_tensor_infos(env, description.outputs));
  Napi::Object metadata = Napi::Object::New(env);
  for (const auto& [key, value] : description.metadata) set(metadata, key, value);
  set(object, "metadata", metadata);
  set(object, "device", device_name(description.device));
  set(object, "deviceReason", description.device_reason);
  set(object, "streams", description.streams);
  set(object, "precision", description.precision == Precision::kFp16 ? "fp16" : "fp32");
  return object;
}

Napi::Array from_detections(Napi::Env env, const std::vector<std::vector<Detection>>& detections) {
  Napi::Array images = Napi::Array::New(env, detections.size());
  for (std::uint32_t i = 0; i < detections.size(); ++i) {
    const auto& list = detections[i];
    Napi::Float32Array rows = Napi::Float32Array::New(env, list.size() * 6);
    if (!list.empty()) std::memcpy(rows.Data(), list.data(), list.size() * sizeof(Detection));
    set(images, i, rows);
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
      set(list, n, runs);
    }
    set(images, i, list);
  }
  return images;
}

}  // namespace hazure
