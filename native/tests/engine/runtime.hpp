#pragma once

#include <cstdlib>
#include <string>

#include "check.hpp"
#include "hazure/engine/ort_library.hpp"

/** Opens the runtime that HAZURE_ONNXRUNTIME names, or skips the test. */
inline void open_runtime() {
  const char* path = std::getenv("HAZURE_ONNXRUNTIME");
  if (path == nullptr || *path == '\0') SKIP("HAZURE_ONNXRUNTIME names no libonnxruntime");
  hazure::OrtLibrary::open(path);
}

inline std::string model(const char* name) { return std::string(HAZURE_MODELS) + "/" + name + ".onnx"; }
