#include "hazure/engine/bound_runs.hpp"

#include <algorithm>
#include <utility>

namespace hazure {
namespace {

/** Shapes seen once, whose outputs are kept for the case that they come back. */
constexpr std::ptrdiff_t kCandidates = 4;

/**
 * The runtime frees no graph before its session ends: a slot whose shapes never settle stops asking for new ones. A
 * settled slot needs one for full batches, and a few more while batches grow.
 */
constexpr int kMostGraphs = 32;

}  // namespace

std::vector<Ort::Value> BoundRuns::run(const Ort::Value& input, std::span<const char* const> outputs,
                                       const Ort::MemoryInfo& memory) {
  const void* place = input.GetTensorRawData();
  if (place != place_) shapes_.clear();
  place_ = place;
  std::vector<std::int64_t> dims = input.GetTensorTypeAndShapeInfo().GetShape();
  const auto known = std::find_if(shapes_.begin(), shapes_.end(), [&](const Shape& shape) {
    return shape.dims == dims && std::equal(outputs.begin(), outputs.end(), shape.names.begin(), shape.names.end());
  });
  try {
    if (known != shapes_.end()) return run_again(*known);
    Ort::IoBinding binding = session_->bind(input, outputs, memory);
    session_->run_bound(binding);
    std::vector<Ort::Value> values = binding.GetOutputValues();
    remember(input, outputs, std::move(dims), values);
    return values;
  } catch (...) {
    // Above all when memory ran out: what is kept here is memory, too. Half-made graphs are never asked for again.
    shapes_.clear();
    throw;
  }
}

std::vector<Ort::Value> BoundRuns::run_again(Shape& shape) {
  if (shape.graph == Session::kNoGraph && graphs_ < kMostGraphs) {
    shape.graph = session_->new_graph();
    ++graphs_;
  }
  session_->run_bound(shape.binding, shape.graph);
  return shape.binding.GetOutputValues();
}

void BoundRuns::remember(const Ort::Value& input, std::span<const char* const> outputs, std::vector<std::int64_t> dims,
                         const std::vector<Ort::Value>& values) {
  if (graphs_ >= kMostGraphs) return;
  const auto candidate = [](const Shape& shape) { return shape.graph == Session::kNoGraph; };
  if (std::count_if(shapes_.begin(), shapes_.end(), candidate) >= kCandidates) {
    shapes_.erase(std::find_if(shapes_.begin(), shapes_.end(), candidate));
  }
  Shape shape{std::move(dims), {outputs.begin(), outputs.end()}, session_->binding(), Session::kNoGraph};
  shape.binding.BindInput(session_->description().inputs.front().name.c_str(), input);
  for (std::size_t i = 0; i < values.size(); ++i) shape.binding.BindOutput(outputs[i], values[i]);
  shapes_.push_back(std::move(shape));
}

}  // namespace hazure
