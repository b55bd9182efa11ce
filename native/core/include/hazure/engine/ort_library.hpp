#pragma once

#include <string>
#include <vector>

#include "hazure/engine/ort_api.hpp"

namespace hazure {

/**
 * The one ONNX Runtime of this process, opened from a path with dlopen.
 *
 * It is never closed and its environment never released: onnxruntime-node may share both, and threads of either may
 * outlive any JavaScript environment.
 */
class OrtLibrary {
 public:
  /**
   * Opens the library, or returns the one that is open. Telemetry is switched off before the first open.
   *
   * @param node_library onnxruntime-node's own libonnxruntime, or empty. Where it is another file it is mapped first:
   *   the loader takes the first of a name that it has, and onnxruntime-node works with no version but its own.
   * @throws Failure ADDON_UNAVAILABLE: no such library, no ONNX Runtime, too old for the headers compiled against,
   *   or another path than the one in use.
   */
  static OrtLibrary& open(const std::string& path, const std::string& node_library = {});

  /** @throws Failure ADDON_UNAVAILABLE before `open`. */
  static OrtLibrary& get();

  const std::string& path() const { return path_; }
  const std::string& version() const { return version_; }
  Ort::Env& env() { return *env_; }

  /** Execution providers that this build of the library knows; their own libraries may still be missing. */
  std::vector<std::string> providers() const;

 private:
  OrtLibrary(std::string path, std::string version, Ort::Env* env);

  std::string path_;
  std::string version_;
  Ort::Env* env_;
};

}  // namespace hazure
