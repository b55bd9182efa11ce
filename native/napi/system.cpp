#include "system.hpp"

#include "errors.hpp"
#include "fields.hpp"
#include "hazure/engine/ort_library.hpp"
#include "hazure/engine/providers.hpp"
#include "hazure/system_info.hpp"

namespace hazure {
namespace {

Napi::Array strings(Napi::Env env, const std::vector<std::string>& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (std::uint32_t i = 0; i < values.size(); ++i) array.Set(i, values[i]);
  return array;
}

Napi::Value text_or_null(Napi::Env env, const std::string& text) {
  if (text.empty()) return env.Null();
  return Napi::String::New(env, text);
}

Napi::Object from_cuda(Napi::Env env, const CudaInfo& cuda) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("compiled", cuda.compiled);
  object.Set("architectures", strings(env, cuda.architectures));
  object.Set("runtimeVersion", text_or_null(env, cuda.runtime_version));
  object.Set("driverVersion", text_or_null(env, cuda.driver_version));
  object.Set("unavailable", text_or_null(env, cuda.unavailable));
  Napi::Array devices = Napi::Array::New(env, cuda.devices.size());
  for (std::uint32_t i = 0; i < cuda.devices.size(); ++i) {
    const CudaDevice& found = cuda.devices[i];
    Napi::Object device = Napi::Object::New(env);
    device.Set("id", found.id);
    device.Set("name", found.name);
    device.Set("computeCapability", found.compute_capability);
    device.Set("totalBytes", static_cast<double>(found.total_bytes));
    device.Set("freeBytes", static_cast<double>(found.free_bytes));
    devices.Set(i, device);
  }
  object.Set("devices", devices);
  return object;
}

}  // namespace

Napi::Value open_runtime(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsString()) refuse_argument("libraryPath", "a string", kind_of(info[0]));
    const bool beside = !info[1].IsUndefined() && !info[1].IsNull();
    if (beside && !info[1].IsString()) refuse_argument("nodeLibraryPath", "a string or null", kind_of(info[1]));
    OrtLibrary::open(info[0].As<Napi::String>(), beside ? std::string(info[1].As<Napi::String>()) : std::string());
    return info.Env().Undefined();
  });
}

Napi::Value info(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const OrtLibrary& library = OrtLibrary::get();
    Napi::Object object = Napi::Object::New(env);
    object.Set("addonVersion", HAZURE_VERSION);
    object.Set("onnxRuntimeVersion", library.version());
    object.Set("onnxRuntimePath", library.path());
    object.Set("onnxRuntimeApi", ORT_API_VERSION);
    object.Set("onnxRuntimeProviders", strings(env, library.providers()));
    object.Set("cpuFeatures", strings(env, cpu_features()));
    object.Set("kernelIsa", kernel_isa());
    object.Set("usableCores", usable_cores());
    object.Set("cuda", from_cuda(env, cuda_info()));
    return object;
  });
}

Napi::Value providers(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    Napi::Array array = Napi::Array::New(env);
    for (const ProviderState& state : provider_states(OrtLibrary::get(), 0)) {
      Napi::Object object = Napi::Object::New(env);
      object.Set("device", device_name(state.device));
      object.Set("title", state.title);
      object.Set("known", state.known);
      object.Set("library", text_or_null(env, state.library));
      object.Set("missing", strings(env, state.missing));
      object.Set("unavailable", text_or_null(env, state.reason));
      array.Set(array.Length(), object);
    }
    return array;
  });
}

Napi::Value memory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    Napi::Array devices = Napi::Array::New(env);
    const auto add = [&](const std::string& name, std::uint64_t total, std::uint64_t free) {
      Napi::Object device = Napi::Object::New(env);
      device.Set("device", name);
      device.Set("totalBytes", static_cast<double>(total));
      device.Set("freeBytes", static_cast<double>(free));
      devices.Set(devices.Length(), device);
    };
    const HostMemory host = host_memory();
    add("host", host.total_bytes, host.free_bytes);
    for (const CudaDevice& device : cuda_info().devices) {
      add("cuda:" + std::to_string(device.id), device.total_bytes, device.free_bytes);
    }
    return devices;
  });
}

}  // namespace hazure
