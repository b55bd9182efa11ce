#pragma once

#include <string>
#include <vector>

#include "hazure/engine/ort_library.hpp"
#include "hazure/engine/session_options.hpp"

namespace hazure {

/** A model opened on the device that was chosen for it. */
struct OpenedSession {
  Ort::Session session;
  Device device;
  /** Why this device: what was tried before and left out, and for what reason. */
  std::string reason;
  Precision precision;
};

/** What there is of one execution provider for GPUs on this machine. */
struct ProviderState {
  Device device;
  /** `CUDA`, `TensorRT`. */
  std::string title;
  /** Whether this ONNX Runtime was built to load it. */
  bool known = false;
  /** Its own library, beside ONNX Runtime's; empty where it is not there. */
  std::string library;
  /** Libraries that it needs and the loader can't find, each with its product. */
  std::vector<std::string> missing;
  /** All that stands in its way; empty when nothing is known to. */
  std::string reason;
};

/** TensorRT, then CUDA. @param device_id the device that they would run on */
std::vector<ProviderState> provider_states(OrtLibrary& library, int device_id);

/**
 * Opens the model on the device asked for; kAuto tries TensorRT, CUDA, CPU in this order.
 *
 * @throws Failure DEVICE_UNAVAILABLE for a device asked for by name that can't be had, saying what is missing;
 *   otherwise as Session::load
 */
OpenedSession open_on_device(OrtLibrary& library, const std::string& path, const SessionOptions& options);

}  // namespace hazure
