#pragma once

#include <string>

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

/**
 * Opens the model on the device asked for; kAuto tries TensorRT, CUDA, CPU in this order.
 *
 * @throws Failure DEVICE_UNAVAILABLE for a device asked for by name that can't be had, saying what is missing;
 *   otherwise as Session::load
 */
OpenedSession open_on_device(OrtLibrary& library, const std::string& path, const SessionOptions& options);

}  // namespace hazure
