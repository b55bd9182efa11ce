#include "hazure/engine/providers.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#ifdef HAZURE_DEVICE_SLOTS
#include "hazure/cuda/device.hpp"
#endif
#include "hazure/engine/ort_failure.hpp"
#include "hazure/engine/ort_tensor.hpp"
#include "hazure/engine/provider_options.hpp"
#include "hazure/engine/shared_library.hpp"
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

std::filesystem::path library_of(const ProviderFacts& facts, const OrtLibrary& library) {
  return std::filesystem::path(library.path()).parent_path() / facts.library;
}

/** Why no device can be used, or empty. */
std::string device_problem(int device_id) {
  const CudaInfo cuda = cuda_info();
  if (!cuda.compiled || !cuda.unavailable.empty()) return cuda.unavailable;
  const bool there = std::any_of(cuda.devices.begin(), cuda.devices.end(),
                                 [&](const CudaDevice& device) { return device.id == device_id; });
  if (there) return {};
  return "there is no CUDA device " + std::to_string(device_id) + " (found " + std::to_string(cuda.devices.size()) + ")";
}

/** Libraries that the provider would not find, each with its product. */
std::vector<std::string> missing_for(const ProviderFacts& facts, const std::string& provider) {
  std::vector<std::string> names = missing_libraries(provider);
  // ONNX Runtime 1.29's CUDA provider opens cuDNN by itself when it first needs it.
  if (facts.device == Device::kCuda && missing_to_open("libcudnn.so.9") != "") names.emplace_back("libcudnn.so.9");
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    const std::string titled = with_product(name);
    if (std::find(missing.begin(), missing.end(), titled) == missing.end()) missing.push_back(titled);
  }
  return missing;
}

std::string joined(const std::vector<std::string>& parts, const char* separator) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : separator) + part;
  return text;
}

ProviderState state_of(const ProviderFacts& facts, const OrtLibrary& library, int device_id) {
  ProviderState state{facts.device, facts.title, false, {}, {}, {}};
  const auto known = library.providers();
  state.known = std::find(known.begin(), known.end(), facts.name) != known.end();
  std::error_code ignored;
  const auto path = library_of(facts, library);
  if (std::filesystem::exists(path, ignored)) {
    state.library = path.string();
    state.missing = missing_for(facts, state.library);
  }
  std::vector<std::string> reasons;
  if (!state.known) reasons.emplace_back("this ONNX Runtime was built without it");
  const std::string device = device_problem(device_id);
  if (!device.empty()) reasons.push_back(device);
  if (state.known && state.library.empty()) reasons.push_back(std::string(facts.library) + " is not beside ONNX Runtime");
  std::vector<std::string> absent = state.missing;
  // A driver that is not there was said already.
  if (!device.empty()) std::erase(absent, with_product("libcuda.so.1"));
  if (!absent.empty()) {
    reasons.push_back(joined(absent, ", ") + (absent.size() == 1 ? " is" : " are") + " not installed");
  }
  state.reason = joined(reasons, "; ");
  return state;
}

/** The first obvious obstacle, or empty; opens no library, so that a machine that has all loses no time. */
std::string obstacle(const ProviderFacts& facts, const OrtLibrary& library, int device_id) {
  const auto known = library.providers();
  if (std::find(known.begin(), known.end(), facts.name) == known.end()) return "this ONNX Runtime was built without it";
  std::string device = device_problem(device_id);
  if (!device.empty()) return device;
  std::error_code ignored;
  if (std::filesystem::exists(library_of(facts, library), ignored)) return {};
  return std::string(facts.library) + " is not beside ONNX Runtime";
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
  // What TensorRT can't run goes to CUDA before it goes to the CPU. Pieces of a network are no graph.
  SessionOptions rest = options;
  rest.cuda.graphs = false;
  append_cuda(target, rest);
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

Failure unavailable(const ProviderFacts& facts, const OrtLibrary& library, const std::string& reason) {
  std::error_code ignored;
  const bool fetched = std::filesystem::exists(library_of(facts, library), ignored);
  return Failure("DEVICE_UNAVAILABLE", ErrorKind::kDevice,
                 std::string("The device ") + device_name(facts.device) + " cannot be used: " + reason,
                 std::string(fetched ? "Run `hazure doctor` to see what is missing and how to get it"
                                     : "Fetch the provider libraries with `hazure doctor --fetch-gpu`") +
                     ", or use `--device auto` or `--device cpu`.");
}

/** @throws Failure where a model did not load because it can't be captured. */
void refuse_graphs(const Ort::Exception& error, const std::string& path) {
  const std::string reason = first_line(error.what());
  if (reason.find("graph capture") == std::string::npos) return;
  throw Failure("MODEL_UNSUPPORTED", ErrorKind::kModel, path + " cannot be captured as a CUDA graph: " + reason,
                "Leave out cuda.graphs; the model runs on CUDA without it.");
}

Ort::Session open_with(OrtLibrary& library, const std::string& path, const SessionOptions& options,
                       const ProviderFacts& facts) {
#ifdef HAZURE_DEVICE_SLOTS
  cuda::use_device(options.device_id);  // while other sessions capture, this one allocates
#endif
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

std::vector<ProviderState> provider_states(OrtLibrary& library, int device_id) {
  std::vector<ProviderState> states;
  for (const ProviderFacts& facts : {kTensorRt, kCuda}) states.push_back(state_of(facts, library, device_id));
  return states;
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
    std::string reason = obstacle(facts, library, options.device_id);
    if (reason.empty()) {
      try {
        const bool fp16 = facts.device == Device::kTensorRt && options.precision != PrecisionChoice::kFp32;
        return {open_with(library, path, options, facts), facts.device, (asked ? "asked for" : "auto") + left_out,
                fp16 ? Precision::kFp16 : Precision::kFp32};
      } catch (const Ort::Exception& error) {
        // A full GPU is no reason to run somewhere else without a word.
        if (speaks_of_memory(error.what())) throw_load_failure(error, path);
        if (options.cuda.graphs) refuse_graphs(error, path);
        reason = state_of(facts, library, options.device_id).reason;
        if (reason.empty()) reason = first_line(error.what());
      }
    } else if (asked) {
      reason = state_of(facts, library, options.device_id).reason;
    }
    if (asked) throw unavailable(facts, library, reason);
    left_out += (left_out.empty() ? ": " : "; ") + std::string(facts.title) + " left out (" + reason + ")";
  }
  return open_on_cpu(library, path, options, "auto" + left_out);
}

}  // namespace hazure
