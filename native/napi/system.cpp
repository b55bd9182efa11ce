#include "system.hpp"

#include "border.hpp"
#include "fields.hpp"
#include "hazure/engine/ort_library.hpp"
#include "hazure/engine/providers.hpp"
#include "hazure/system_info.hpp"

namespace hazure {
namespace {

Napi::Array strings(Napi::Env env, const std::vector<std::string>& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (std::uint32_t i = 0; i < values.size(); ++i) set(array, i, values[i]);
  return array;
}

Napi::Value text_or_null(Napi::Env env, const std::string& text) {
  if (text.empty()) return env.Null();
  return Napi::String::New(env, text);
}

Napi::Object from_cuda(Napi::Env env, const CudaInfo& cuda) {
  Napi::Object object = Napi::Object::New(env);
  set(object, "compiled", cuda.compiled);
  set(object, "architectures", strings(env, cuda.architectures));
  set(object, "runtimeVersion", text_or_null(env, cuda.runtime_version));
  set(object, "driverVersion", text_or_null(env, cuda.driver_version));
  set(object, "unavailable", text_or_null(env, cuda.unavailable));
  Napi::Array devices = Napi::Array::New(env, cuda.devices.size());
  for (std::uint32_t i = 0; i < cuda.devices.size(); ++i) {
    const CudaDevice& found = cuda.devices[i];
    Napi::Object device = Napi::Object::New(env);
    set(device, "id", found.id);
    set(device, "name", found.name);
    set(device, "computeCapability", found.compute_capability);
    set(device, "totalBytes", static_cast<double>(found.total_bytes));
    set(device, "freeBytes", static_cast<double>(found.free_bytes));
    set(devices, i, device);
  }
  set(object, "devices", devices);
  return object;
}

}  // namespace

Napi::Value open_runtime(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const std::string library = text_of(info[0], "libraryPath");
    const bool beside = !info[1].IsUndefined() && !info[1].IsNull();
    if (beside && !info[1].IsString()) refuse_argument("nodeLibraryPath", "a string or null", kind_of(info[1]));
    OrtLibrary::open(library, beside ? text_of(info[1], "nodeLibraryPath") : std::string());
    return info.Env().Undefined();
  });
}

Napi::Value info(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    const OrtLibrary& library = OrtLibrary::get();
    Napi::Object object = Napi::Object::New(env);
    set(object, "addonVersion", HAZURE_VERSION);
    set(object, "onnxRuntimeVersion", library.version());
    set(object, "onnxRuntimePath", library.path());
    set(object, "onnxRuntimeApi", ORT_API_VERSION);
    set(object, "onnxRuntimeProviders", strings(env, library.providers()));
    set(object, "cpuFeatures", strings(env, cpu_features()));
    set(object, "kernelIsa", kernel_isa());
    set(object, "usableCores", usable_cores());
    set(object, "cuda", from_cuda(env, cuda_info()));
    return object;
  });
}

Napi::Value providers(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Env env = info.Env();
    Napi::Array array = Napi::Array::New(env);
    for (const ProviderState& state : provider_states(OrtLibrary::get(), 0)) {
      Napi::Object object = Napi::Object::New(env);
      set(object, "device", device_name(state.device));
      set(object, "title", state.title);
      set(object, "known", state.known);
      set(object, "library", text_or_null(env, state.library));
      set(object, "missing", strings(env, state.missing));
      set(object, "unavailable", text_or_null(env, state.reason));
      set(array, array.Length(), object);
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
      set(device, "device", name);
      set(device, "totalBytes", static_cast<double>(total));
      set(device, "freeBytes", static_cast<double>(free));
      set(devices, devices.Length(), device);
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
