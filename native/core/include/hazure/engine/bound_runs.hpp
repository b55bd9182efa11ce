#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hazure/engine/session.hpp"

namespace hazure {

/**
 * Inferences on the input tensors of one slot, which lie at the same place again and again. A CUDA graph replays fixed
 * addresses, so what comes back gets fixed outputs too: the first inference of a shape keeps the outputs that the
 * runtime allocated, the second is captured over them, all later ones replay that. Shapes that never come back are
 * never captured. For one thread at a time; what `run` returned is overwritten by the next inference of that shape.
 */
class BoundRuns {
 public:
  explicit BoundRuns(std::shared_ptr<Session> session) : session_(std::move(session)) {}

  /**
   * @param input   over memory that stays its caller's; where it moved since the last call, all it had is forgotten
   * @param outputs names, in the order in which the values come back
   * @param memory  where the outputs lie
   * @throws Failure as Session::run_bound; what was captured is forgotten then, so that its memory is free
   */
  std::vector<Ort::Value> run(const Ort::Value& input, std::span<const char* const> outputs,
                              const Ort::MemoryInfo& memory);

  /** Graphs that were asked for since this slot began. */
  [[nodiscard]] int graphs() const { return graphs_; }

 private:
  struct Shape {
    std::vector<std::int64_t> dims;
    std::vector<std::string> names;
    Ort::IoBinding binding;
    int graph = Session::kNoGraph;
  };

  std::vector<Ort::Value> run_again(Shape& shape);
  void remember(const Ort::Value& input, std::span<const char* const> outputs, std::vector<std::int64_t> dims,
                const std::vector<Ort::Value>& values);

  std::shared_ptr<Session> session_;
  const void* place_ = nullptr;
  std::vector<Shape> shapes_;
  int graphs_ = 0;
};

}  // namespace hazure
