#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hazure/engine/ort_api.hpp"
#include "hazure/engine/session_options.hpp"
#include "hazure/engine/tensor.hpp"

namespace hazure {

/** What a loaded model says about itself, and where it runs. */
struct SessionDescription {
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  std::map<std::string, std::string> metadata;
  Device device = Device::kCpu;
  /** e.g. `auto: TensorRT left out (…); CUDA left out (…)`. */
  std::string device_reason;
  Precision precision = Precision::kFp32;
  /** Inferences that may run at the same time. */
  int streams = 1;
};

/**
 * A model on a device. On the CPU any number of threads may run it at a time, on a GPU one; `abort` may come from any
 * thread.
 */
class Session {
 public:
  /**
   * @throws Failure MODEL_MISSING, MODEL_INVALID, MODEL_UNSUPPORTED; DEVICE_UNAVAILABLE when a device asked for by
   *   name can't be had (the message says what is missing); DEVICE_OUT_OF_MEMORY
   */
  static std::unique_ptr<Session> load(const std::string& path, const SessionOptions& options);

  [[nodiscard]] const SessionDescription& description() const { return description_; }

  /**
   * One inference; every output, copied out of the runtime.
   *
   * @throws Failure INPUT_INVALID (a feed is missing, unknown, or of another type or shape), DEVICE_OUT_OF_MEMORY,
   *   DEVICE_FAILED, INTERRUPTED
   */
  std::vector<OwnedTensor> run(std::span<const FeedView> feeds);

  /** One inference on the runtime's own values, in model order; errors as `run`. */
  std::vector<Ort::Value> run_values(std::span<const Ort::Value> inputs, std::span<const char* const> output_names);

  /**
   * One inference on device memory: outputs are allocated there by the runtime and come back in the order named.
   * Returns when the device is done. Errors as `run`.
   */
  std::vector<Ort::Value> run_bound(const Ort::Value& input, std::span<const char* const> output_names,
                                    const Ort::MemoryInfo& output_memory);

  /** Stops the inference that runs now, and all later ones, with INTERRUPTED. */
  void abort();

 private:
  Session(Ort::Session session, SessionDescription description);
  void check_feed(const FeedView& feed) const;

  Ort::Session session_;
  SessionDescription description_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
  Ort::RunOptions run_options_;
};

}  // namespace hazure
