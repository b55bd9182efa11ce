#include "hazure/engine/providers.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "hazure/engine/ort_failure.hpp"
#include "hazure/engine/ort_tensor.hpp"
#include "hazure/engine/provider_options.hpp"
#include "hazure/system_info.hpp"

namespace hazure {
namespace {

struct ProviderFacts {
  Device device;
  const char* title;
  const char* name;
  const char* library;
};

constexpr ProviderFacts kTensorRt{Device::kTensorRt, "TensorRT", "TensorrtExecutionProvider",
                                  "libonnxruntime_providers_tensorrt.so"};
constexpr ProviderFacts kCuda{Device::kCuda, "CUDA", "CUDAExecutionProvider", "libonnxruntime_providers_cuda.so"};

/** What is missing for this provider, or nullopt when nothing obvious is. */
std::optional<std::string> missing_for(const ProviderFacts& facts, const OrtLibrary& library, int device_id) {
  const auto known = library.providers();
  if (std::find(known.begin(), known.end(), facts.name) == known.end()) {
    return "this ONNX Runtime was built without it";
  }
  const CudaInfo cuda = cuda_info();
  if (cuda.compiled && !cuda.unavailable.empty()) return cuda.unavailable;
  if (cuda.compiled && std::none_of(cuda.devices.begin(), cuda.devices.end(),
                                    [&](const CudaDevice& device) { return device.id == device_id; })) {
    return "there is no CUDA device " + std::to_string(device_id) + " (found " + std::to_string(cuda.devices.size()) +
           ")";
  }
  const auto folder = std::filesystem::path(library.path()).parent_path();
  std::error_code ignored;
  if (!std::filesystem::exists(folder / facts.library, ignored)) {
    return std::string(facts.library) + " is not beside ONNX Runtime";
  }
  return std::nullopt;
}

/** Key and value arrays as the C API wants them. */
struct OptionArrays {
  explicit OptionArrays(const ProviderOptions& options) {
    for (const auto& [key, value] : options) {
      keys.push_back(key.c_str());
      values.push_back(value.c_str());
    }
  }
  std::vector<const char*> keys;
  std::vector<const char*> values;
};

void append_cuda(Ort::SessionOptions& target, const SessionOptions& options) {
  const ProviderOptions values = cuda_provider_options(options);
  const OptionArrays arrays(values);
  OrtCUDAProviderOptionsV2* raw = nullptr;
  Ort::ThrowOnError(Ort::GetApi().CreateCUDAProviderOptions(&raw));
  const std::unique_ptr<OrtCUDAProviderOptionsV2, void (*)(OrtCUDAProviderOptionsV2*)> owner(
      raw, [](OrtCUDAProviderOptionsV2* p) { Ort::GetApi().ReleaseCUDAProviderOptions(p); });
  Ort::ThrowOnError(
      Ort::GetApi().UpdateCUDAProviderOptions(raw, arrays.keys.data(), arrays.values.data(), arrays.keys.size()));
  target.AppendExecutionProvider_CUDA_V2(*raw);
}

/** What the installed TensorRT calls itself, e.g. 101303; `unknown` where it can't be asked. */
std::string tensorrt_version() {
  void* handle = dlopen("libnvinfer.so.10", RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return "unknown";
  const auto version = reinterpret_cast<std::int32_t (*)()>(dlsym(handle, "getInferLibVersion"));
  return version == nullptr ? "unknown" : std::to_string(version());
}

/** The inputs of a model, for a shape profile; optimisation is left out, so that this costs little. */
std::vector<TensorInfo> inputs_of(OrtLibrary& library, const std::string& path) {
  Ort::SessionOptions plain;
  plain.SetGraphOptimizationLevel(GraphOptimizationLevel::ORT_DISABLE_ALL);
  return model_inputs(Ort::Session(library.env(), path.c_str(), plain));
}

void append_tensorrt(Ort::SessionOptions& target, OrtLibrary& library, const std::string& path,
                     const SessionOptions& options) {
  TensorRtSystem system{"gpu", "unknown", library.version(), tensorrt_version()};
  for (const CudaDevice& device : cuda_info().devices) {
    if (device.id != options.device_id) continue;
    system.gpu_name = device.name;
    system.compute_capability = device.compute_capability;
  }
  const std::string cache = tensorrt_cache_folder(options, system);
  if (!cache.empty()) std::filesystem::create_directories(cache);
  std::vector<TensorInfo> inputs;
  if (options.tensorrt.batch.max > 0) inputs = inputs_of(library, path);
  const ProviderOptions values = tensorrt_provider_options(options, inputs, cache);
  const OptionArrays arrays(values);
  OrtTensorRTProviderOptionsV2* raw = nullptr;
  Ort::ThrowOnError(Ort::GetApi().CreateTensorRTProviderOptions(&raw));
  const std::unique_ptr<OrtTensorRTProviderOptionsV2, void (*)(OrtTensorRTProviderOptionsV2*)> owner(
      raw, [](OrtTensorRTProviderOptionsV2* p) { Ort::GetApi().ReleaseTensorRTProviderOptions(p); });
  Ort::ThrowOnError(
      Ort::GetApi().UpdateTensorRTProviderOptions(raw, arrays.keys.data(), arrays.values.data(), arrays.keys.size()));
  target.AppendExecutionProvider_TensorRT_V2(*raw);
  // What TensorRT can't run goes to CUDA before it goes to the CPU.
  append_cuda(target, options);
}

Ort::SessionOptions base_options(const SessionOptions& options) {
  Ort::SessionOptions target;
  target.SetGraphOptimizationLevel(GraphOptimizationLevel::ORT_ENABLE_ALL);
  target.SetIntraOpNumThreads(cpu_plan(options, 1).threads_each);
  target.SetInterOpNumThreads(1);
  target.AddConfigEntry("session.intra_op.allow_spinning", options.spin ? "1" : "0");
  target.SetExecutionMode(ExecutionMode::ORT_SEQUENTIAL);
  return target;
}

/** First line of a runtime's message; they append source positions and advice on further lines. */
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

Failure unavailable(const ProviderFacts& facts, const std::string& reason) {
  return Failure("DEVICE_UNAVAILABLE", ErrorKind::kDevice,
                 std::string("The device ") + device_name(facts.device) + " cannot be used: " + reason,
                 "Run `hazure doctor` to see what is missing, or use `--device auto` or `--device cpu`.");
}

Ort::Session open_with(OrtLibrary& library, const std::string& path, const SessionOptions& options,
                       const ProviderFacts& facts) {
  Ort::SessionOptions target = base_options(options);
  if (facts.device == Device::kTensorRt) {
    append_tensorrt(target, library, path, options);
  } else {
    append_cuda(target, options);
  }
  return Ort::Session(library.env(), path.c_str(), target);
}

OpenedSession open_on_cpu(OrtLibrary& library, const std::string& path, const SessionOptions& options,
                          const std::string& reason) {
  try {
    return {Ort::Session(library.env(), path.c_str(), base_options(options)), Device::kCpu, reason, Precision::kFp32};
  } catch (const Ort::Exception& error) {
    throw_load_failure(error, path);
  }
}

}  // namespace

const char* device_name(Device device) {
  switch (device) {
    case Device::kCpu:
      return "cpu";
    case Device::kCuda:
      return "cuda";
    case Device::kTensorRt:
      return "tensorrt";
  }
  return "cpu";
}

CpuPlan cpu_plan(const SessionOptions& options, int most_streams) {
  const int cores = options.threads > 0 ? options.threads : usable_cores();
  const int streams = std::clamp(options.streams > 0 ? options.streams : most_streams, 1, cores);
  return {streams, cores / streams};
}

OpenedSession open_on_device(OrtLibrary& library, const std::string& path, const SessionOptions& options) {
  if (options.device == DeviceChoice::kCpu) return open_on_cpu(library, path, options, "asked for");

  std::string left_out;
  for (const ProviderFacts& facts : {kTensorRt, kCuda}) {
    const bool asked = (options.device == DeviceChoice::kTensorRt && facts.device == Device::kTensorRt) ||
                       (options.device == DeviceChoice::kCuda && facts.device == Device::kCuda);
    if (!asked && options.device != DeviceChoice::kAuto) continue;
    std::optional<std::string> reason = missing_for(facts, library, options.device_id);
    if (!reason) {
      try {
        const bool fp16 = facts.device == Device::kTensorRt && options.precision != PrecisionChoice::kFp32;
        return {open_with(library, path, options, facts), facts.device, (asked ? "asked for" : "auto") + left_out,
                fp16 ? Precision::kFp16 : Precision::kFp32};
      } catch (const Ort::Exception& error) {
        // A full GPU is no reason to run somewhere else without a word.
        if (speaks_of_memory(error.what())) throw_load_failure(error, path);
        reason = first_line(error.what());
      }
    }
    if (asked) throw unavailable(facts, *reason);
    left_out += (left_out.empty() ? ": " : "; ") + std::string(facts.title) + " left out (" + *reason + ")";
  }
  return open_on_cpu(library, path, options, "auto" + left_out);
}

}  // namespace hazure
