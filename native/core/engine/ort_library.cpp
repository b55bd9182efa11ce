#include "hazure/engine/ort_library.hpp"

#include <dlfcn.h>

#include <cstdlib>
#include <mutex>

#include "hazure/engine/failure.hpp"

namespace hazure {
namespace {

std::mutex mutex;
OrtLibrary* library = nullptr;

using GetApiBase = const OrtApiBase*(ORT_API_CALL*)();

}  // namespace

OrtLibrary::OrtLibrary(std::string path, std::string version, Ort::Env* env)
    : path_(std::move(path)), version_(std::move(version)), env_(env) {}

OrtLibrary& OrtLibrary::open(const std::string& path, const std::string& node_library) {
  const std::lock_guard lock(mutex);
  if (library != nullptr) {
    if (library->path_ != path) {
      throw Failure("ADDON_UNAVAILABLE", ErrorKind::kDevice,
                    "ONNX Runtime is already loaded from " + library->path_ + "; asked for " + path,
                    "One process uses one ONNX Runtime: start a new process for another one.");
    }
    return *library;
  }

  // Read while the library initialises; 1.29 and newer report usage and write under the user's cache otherwise.
  setenv("ORT_DISABLE_TELEMETRY", "1", 1);

  // Never closed, so that it stays the first of its name. If it is not there, onnxruntime-node can't load anyway.
  if (!node_library.empty() && node_library != path) dlopen(node_library.c_str(), RTLD_LAZY | RTLD_LOCAL);

  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    throw Failure("ADDON_UNAVAILABLE", ErrorKind::kDevice,
                  std::string("ONNX Runtime could not be loaded: ") + (reason == nullptr ? path.c_str() : reason),
                  "Run `npm ci` to restore onnxruntime-node, or point HAZURE_ONNXRUNTIME at a libonnxruntime.");
  }
  const auto get_api_base = reinterpret_cast<GetApiBase>(dlsym(handle, "OrtGetApiBase"));
  if (get_api_base == nullptr) {
    throw Failure("ADDON_UNAVAILABLE", ErrorKind::kDevice, path + " is not an ONNX Runtime library (no OrtGetApiBase in it)");
  }
  const OrtApiBase* base = get_api_base();
  std::string version = base->GetVersionString();
  const OrtApi* api = base->GetApi(ORT_API_VERSION);
  if (api == nullptr) {
    throw Failure("ADDON_UNAVAILABLE", ErrorKind::kDevice,
                  "ONNX Runtime " + version + " at " + path + " is older than the headers that the addon was built " +
                      "with (API version " + std::to_string(ORT_API_VERSION) + ")",
                  "Rebuild the addon with headers of that version (ONNXRUNTIME_ROOT), or use a newer library.");
  }
  Ort::InitApi(api);
  try {
    auto* env = new Ort::Env(ORT_LOGGING_LEVEL_FATAL, "hazure");
    env->DisableTelemetryEvents();
    library = new OrtLibrary(path, version, env);
  } catch (const Ort::Exception& error) {
    throw Failure("ADDON_UNAVAILABLE", ErrorKind::kDevice, std::string("ONNX Runtime did not start: ") + error.what());
  }
  return *library;
}

OrtLibrary& OrtLibrary::get() {
  const std::lock_guard lock(mutex);
  if (library == nullptr) {
    throw Failure("ADDON_UNAVAILABLE", ErrorKind::kDevice, "ONNX Runtime is not loaded yet: call openRuntime first");
  }
  return *library;
}

std::vector<std::string> OrtLibrary::providers() const { return Ort::GetAvailableProviders(); }

}  // namespace hazure
