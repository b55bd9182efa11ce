#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "detection/decode_checks.hpp"
#include "detection/decode_heads.hpp"
#include "detection_kernels.hpp"
#include "hazure/cuda/detections.hpp"
#include "workspace_memory.hpp"

namespace hazure::cuda {
namespace {

Kind kind_of(const HeadSpec& head) { return static_cast<Kind>(head.index()); }
static_assert(std::is_same_v<std::variant_alternative_t<0, HeadSpec>, Yolov8Head>);
static_assert(std::is_same_v<std::variant_alternative_t<1, HeadSpec>, Yolov5Head>);
static_assert(std::is_same_v<std::variant_alternative_t<2, HeadSpec>, YoloxHead>);
static_assert(std::is_same_v<std::variant_alternative_t<3, HeadSpec>, NanodetHead>);
static_assert(std::is_same_v<std::variant_alternative_t<4, HeadSpec>, DetrHead>);

HeadView view_of(const BoundHead& bound) {
  if (!decodes_on_device(*bound.head)) {
    throw Error(ErrorKind::kInput, "this kind of head has no decoder on the device", "Decode this model on the CPU.");
  }
  HeadView view{};
  view.kind = kind_of(*bound.head);
  view.classes = bound.classes;
  view.input_width = static_cast<float>(bound.input_width_px);
  view.input_height = static_cast<float>(bound.input_height_px);
  if (const auto* nanodet = std::get_if<NanodetHead>(bound.head)) view.bins = nanodet->reg_max + 1;
  if (bound.levels.size() > kMaxLevels) {
    throw Error(ErrorKind::kInput,
                "on the device a head has up to " + std::to_string(kMaxLevels) + " strides, came " +
                    std::to_string(bound.levels.size()),
                "Decode this model on the CPU.");
  }
  std::int64_t anchors = 0;
  for (const BoundHead::Level& level : bound.levels) {
    view.level[view.levels++] = {level.scores, level.boxes, static_cast<int>(level.anchors), level.stride, level.columns};
    anchors += level.anchors;
  }
  if (anchors > kMaxAnchors) {
    throw Error(ErrorKind::kInput,
                "on the device an image has up to " + std::to_string(kMaxAnchors) + " anchors, came " +
                    std::to_string(anchors),
                "Use a smaller model input, or decode on the CPU.");
  }
  view.anchors = static_cast<int>(anchors);
  return view;
}

void report_faults(unsigned faults) {
  if ((faults & kNanScore) != 0) refuse_nan_scores();
  if ((faults & kScoreAboveOne) != 0) refuse_high_score();
  if ((faults & kNonFiniteBox) != 0) refuse_non_finite_box();
}

/** Sources, then the class filter, behind one another in one copy. */
struct Parameters {
  const SourceMap* sources;
  const std::uint8_t* wanted;
};

Parameters upload_parameters(std::span<const DetectionSource> sources, std::span<const std::uint8_t> wanted,
                             Workspace::Memory& memory, cudaStream_t stream) {
  const std::size_t source_bytes = sources.size() * sizeof(SourceMap);
  const std::size_t bytes = source_bytes + wanted.size();
  auto* staged = memory.parameter_staging.reserve<std::uint8_t>(bytes);
  auto* device = memory.parameters.reserve<std::uint8_t>(bytes);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const Placement& p = sources[i].placement;
    const SourceMap map{p.scale_x,  p.scale_y, p.offset_x, p.offset_y, static_cast<double>(sources[i].width_px),
                        static_cast<double>(sources[i].height_px)};
    std::memcpy(staged + i * sizeof map, &map, sizeof map);
  }
  if (!wanted.empty()) std::memcpy(staged + source_bytes, wanted.data(), wanted.size());
  check(cudaMemcpyAsync(device, staged, bytes, cudaMemcpyHostToDevice, stream), "copying detection options");
  memory.parameter_staging.mark(stream);
  return {reinterpret_cast<const SourceMap*>(device), wanted.empty() ? nullptr : device + source_bytes};
}

}  // namespace

void decode_detections(const HeadSpec& head, std::span<const TensorView> outputs, int input_width_px,
                       int input_height_px, std::span<const DetectionSource> sources, const DetectOptions& options,
                       std::vector<std::vector<Detection>>& results, Workspace& workspace, Stream stream) {
  check_decode_arguments(sources, options);
  const BoundHead bound = bind_head(head, outputs, input_width_px, input_height_px, sources.size());
  const Preselection preselection(options, bound.classes);
  const HeadView view = view_of(bound);
  if (sources.size() > static_cast<std::size_t>(kMaxBatch)) {
    throw Error(ErrorKind::kInput,
                "the device decodes up to " + std::to_string(kMaxBatch) + " images at once, came " +
                    std::to_string(sources.size()),
                "Decode the batch in pieces.");
  }
  results.resize(sources.size());
  if (sources.empty()) return;

  Workspace::Memory& memory = workspace.memory();
  memory.use();
  const cudaStream_t on = native(stream);
  const auto images = static_cast<int>(sources.size());
  const std::size_t all_anchors = sources.size() * static_cast<std::size_t>(view.anchors);
  const Parameters parameters = upload_parameters(sources, preselection.wanted(), memory, on);

  // Counts of all images, then the fault bits.
  const std::size_t count_bytes = sources.size() * sizeof(Counts) + sizeof(unsigned);
  auto* counts = reinterpret_cast<Counts*>(memory.counts.reserve<std::uint8_t>(count_bytes));
  auto* faults = reinterpret_cast<unsigned*>(counts + sources.size());
  check(cudaMemsetAsync(counts, 0, count_bytes, on), "decoding detections");

  auto* anchors = memory.anchors.reserve<AnchorBox>(all_anchors);
  const auto keys_per_image = static_cast<int>(std::bit_ceil(static_cast<unsigned>(view.anchors)));
  auto* keys = memory.keys.reserve<unsigned long long>(sources.size() * static_cast<std::size_t>(keys_per_image));
  launch_collect({view, preselection.confidence(), kHighestScore, parameters.wanted, anchors, keys, keys_per_image, counts,
                  faults},
                 images, on);
  check_launch("selecting candidates");

  const bool suppress = view.kind != Kind::kDetr;
  const int most_candidates = suppress ? std::min(view.anchors, kMaxNmsCandidates) : view.anchors;
  const int most_rows = std::min(options.max_detections, most_candidates);
  auto* kept = memory.kept.reserve<AnchorBox>(sources.size() * static_cast<std::size_t>(most_candidates));
  auto* rows = memory.rows.reserve<Row>(sources.size() * static_cast<std::size_t>(most_rows));
  launch_suppress({anchors, keys, counts, parameters.sources, kept, rows, view.anchors, keys_per_image, most_candidates,
                   most_rows, options.iou, suppress},
                  images, on);
  check_launch("suppressing overlapping boxes");

  // The counts say how much is worth copying.
  auto* host_counts = reinterpret_cast<Counts*>(memory.results.reserve<std::uint8_t>(count_bytes));
  check(cudaMemcpyAsync(host_counts, counts, count_bytes, cudaMemcpyDeviceToHost, on), "fetching detections");
  check(cudaStreamSynchronize(on), "decoding detections");
  report_faults(*reinterpret_cast<const unsigned*>(host_counts + sources.size()));
  static_assert(sizeof(Row) == sizeof(Detection));
  for (std::size_t i = 0; i < sources.size(); ++i) {
    results[i].resize(host_counts[i].rows);
    if (results[i].empty()) continue;
    check(cudaMemcpyAsync(results[i].data(), rows + i * static_cast<std::size_t>(most_rows),
                          results[i].size() * sizeof(Detection), cudaMemcpyDeviceToHost, on),
          "fetching detections");
  }
  check(cudaStreamSynchronize(on), "fetching detections");
}

}  // namespace hazure::cuda
