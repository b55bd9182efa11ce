#include "hazure/engine/ort_failure.hpp"

namespace hazure {
namespace {

[[noreturn]] void throw_memory_failure(const std::string& reason) {
  throw Failure("DEVICE_OUT_OF_MEMORY", ErrorKind::kOutOfDeviceMemory, reason,
                "Use a smaller batch size, or close other programs that use this memory.");
}

}  // namespace

void throw_load_failure(const Ort::Exception& error, const std::string& path) {
  const std::string reason = error.what();
  if (speaks_of_memory(reason)) throw_memory_failure(reason);
  switch (error.GetOrtErrorCode()) {
    case ORT_NO_SUCHFILE:
      throw Failure("MODEL_MISSING", ErrorKind::kModel, "The model " + path + " does not exist");
    case ORT_NOT_IMPLEMENTED:
      throw Failure("MODEL_UNSUPPORTED", ErrorKind::kModel, "ONNX Runtime cannot run " + path + ": " + reason,
                    "Export the model again with operators of another opset.");
    case ORT_INVALID_PROTOBUF:
      throw Failure("MODEL_INVALID", ErrorKind::kModel, path + " is not an ONNX model (it does not parse as one)",
                    "Give the path of an .onnx file; check that it was downloaded completely.");
    default:
      throw Failure("MODEL_INVALID", ErrorKind::kModel, "The model " + path + " could not be loaded: " + reason,
                    "Check that the file is a complete ONNX model.");
  }
}

void throw_run_failure(const Ort::Exception& error) {
  const std::string reason = error.what();
  if (speaks_of_memory(reason)) throw_memory_failure(reason);
  if (reason.find("terminate flag") != std::string::npos) {
    throw Failure("INTERRUPTED", ErrorKind::kDevice, "The inference was stopped");
  }
  if (error.GetOrtErrorCode() == ORT_INVALID_ARGUMENT) throw Failure("INPUT_INVALID", ErrorKind::kInput, reason);
  throw Failure("DEVICE_FAILED", ErrorKind::kDevice, "The inference failed: " + reason);
}

void throw_graph_failure(const Ort::Exception& error) {
  try {
    throw_run_failure(error);
  } catch (const Failure& failure) {
    if (std::string(failure.code()) != "DEVICE_FAILED") throw;
    throw Failure(failure.code(), failure.kind(), std::string("As a CUDA graph: ") + failure.what(),
                  "Leave out cuda.graphs: not every network can be captured.");
  }
}

}  // namespace hazure
