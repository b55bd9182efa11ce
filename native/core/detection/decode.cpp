#include <algorithm>
#include <map>
#include <mutex>

#include "detection/decode_checks.hpp"
#include "detection/decode_heads.hpp"
#include "detection/nms_workspace.hpp"
#include "hazure/detections.hpp"
#include "hazure/error.hpp"

namespace hazure {
namespace {

/** Model-input box to source pixels, clipped; false when nothing of it is left. */
bool map_back(const BoxColumns& boxes, std::size_t at, const DetectionSource& source, Detection& out) {
  const Placement& p = source.placement;
  const auto map = [](float value, double offset, double scale, int side) {
    return static_cast<float>(std::clamp((double(value) - offset) / scale, 0.0, double(side)));
  };
  out.x1 = map(boxes.x1[at], p.offset_x, p.scale_x, source.width_px);
  out.y1 = map(boxes.y1[at], p.offset_y, p.scale_y, source.height_px);
  out.x2 = map(boxes.x2[at], p.offset_x, p.scale_x, source.width_px);
  out.y2 = map(boxes.y2[at], p.offset_y, p.scale_y, source.height_px);
  out.confidence = boxes.confidence[at];
  out.class_id = static_cast<float>(boxes.class_id[at]);
  return out.x2 > out.x1 && out.y2 > out.y1;
}

/** Whether boxes of the head overlap and need suppression. */
bool suppresses(const HeadSpec& head) {
  if (const auto* boxes = std::get_if<BoxesHead>(&head)) return boxes->suppress;
  return !std::holds_alternative<DetrHead>(head) && !std::holds_alternative<TableHead>(head);
}

struct Scratch {
  Candidates candidates;
  NmsWorkspace nms;
};

void detections_of_image(const BoundHead& bound, std::size_t image, const DetectionSource& source,
                         const Preselection& preselection, const DetectOptions& options,
                         std::vector<Detection>& found, std::vector<InstanceMask>* masks) {
  thread_local Scratch scratch;
  scratch.candidates.clear();
  found.clear();
  if (masks != nullptr) masks->clear();
  collect_candidates(bound, image, preselection, scratch.candidates);
  const BoxColumns boxes = scratch.candidates.columns();
  auto order = scratch.nms.sort(boxes.confidence);

  const auto most = static_cast<std::size_t>(options.max_detections);
  const auto keep = [&](std::int32_t index) {
    Detection detection;
    if (map_back(boxes, static_cast<std::size_t>(index), source, detection)) {
      found.push_back(detection);
      if (masks != nullptr) {
        const std::int64_t anchor = scratch.candidates.anchor[static_cast<std::size_t>(index)];
        masks->push_back(instance_mask(bound, image, anchor, detection, source));
      }
    }
    return found.size() < most;
  };
  if (!suppresses(*bound.head)) {
    for (const std::int32_t index : order) {
      if (!keep(index)) break;
    }
    return;
  }
  order = order.first(std::min<std::size_t>(order.size(), kMaxNmsCandidates));
  scratch.nms.suppress(boxes, order, options.iou, keep);
}

}  // namespace

void decode_detections(const HeadSpec& head, std::span<const TensorView> outputs, int input_width_px,
                       int input_height_px, std::span<const DetectionSource> sources, const DetectOptions& options,
                       std::vector<std::vector<Detection>>& results, ThreadPool& pool,
                       std::vector<std::vector<InstanceMask>>* masks) {
  check_decode_arguments(sources, options);
  const BoundHead bound = bind_head(head, outputs, input_width_px, input_height_px, sources.size());
  if (masks != nullptr) {
    if (bound.masks.coefficients == 0) {
      throw Error(ErrorKind::kInput, "masks are asked of a head that has none",
                  "Use a segmentation model, or declare the head's masks.");
    }
    masks->resize(sources.size());
  }
  const Preselection preselection(options, bound.classes);
  results.resize(sources.size());
  // Every image is looked at, so that a caller can go on with those that are right.
  std::mutex mutex;
  std::map<std::size_t, Error> refused;
  pool.parallel_for(sources.size(), [&](std::size_t image) {
    try {
      detections_of_image(bound, image, sources[image], preselection, options, results[image],
                          masks == nullptr ? nullptr : &(*masks)[image]);
    } catch (const Error& error) {
      const std::lock_guard lock(mutex);
      refused.emplace(image, error);
    }
  });
  if (refused.empty()) return;
  std::vector<std::size_t> items;
  for (const auto& [image, error] : refused) items.push_back(image);
  const Error& first = refused.begin()->second;
  throw ItemError(first.kind(), first.what(), first.hint(), std::move(items));
}

}  // namespace hazure
