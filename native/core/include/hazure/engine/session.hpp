#pragma once

#include <atomic>
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
  /** Whether inferences on bound tensors are captured as CUDA graphs and replayed. */
  bool graphs = false;
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

  /** No graph: the inference is launched piece by piece. */
  static constexpr int kNoGraph = -1;

  /** Tensors of this session, none bound yet. It must not outlive the session. */
  [[nodiscard]] Ort::IoBinding binding() { return Ort::IoBinding(session_); }

  /** `binding` of the first input, with the outputs named to be allocated in `memory` by the runtime. Errors as `run`. */
  [[nodiscard]] Ort::IoBinding bind(const Ort::Value& input, std::span<const char* const> outputs,
                                    const Ort::MemoryInfo& memory);

  /**
   * One inference on bound tensors. Returns when the device is done. Errors as `run`.
   *
   * @param graph of `new_graph`: the first inference under it is captured, later ones replay it. They must bind the same
   *   tensors at the same places; nobody checks that.
   */
  void run_bound(Ort::IoBinding& binding, int graph = kNoGraph);

  /** An id that no graph of this session had. */
  [[nodiscard]] int new_graph() { return ++last_graph_; }

  /** Stops the inference that runs now, and all later ones, with INTERRUPTED. */
  void abort();

 private:
  Session(Ort::Session session, SessionDescription description);
  void check_feed(const FeedView& feed) const;
  const Ort::RunOptions& options_of(int graph);

  Ort::Session session_;
  SessionDescription description_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
  Ort::RunOptions run_options_;
  std::atomic<int> last_graph_{0};  // 0 itself is the runtime's own
  /** The options that name a graph, which the runtime reads in every inference; and whether all are to stop. */
  std::mutex graph_mutex_;
  std::map<int, Ort::RunOptions> graph_options_;
  bool aborted_ = false;
};

}  // namespace hazure
