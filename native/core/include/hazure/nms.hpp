#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace hazure {

/** Boxes as columns; all spans of one length. Corners in any one unit, class ids from 0. */
struct BoxColumns {
  std::span<const float> x1;
  std::span<const float> y1;
  std::span<const float> x2;
  std::span<const float> y2;
  std::span<const float> confidence;
  std::span<const std::int32_t> class_id;
};

/**
 * Greedy class-aware non-maximum suppression, torchvision's `batched_nms` without its coordinate offset: in
 * order of confidence (ties: lower index first) a box is kept unless a kept one of its class has an IoU above
 * `iou` with it. IoU is compared as `intersection > iou × union`, in float.
 *
 * @param iou       0…1
 * @param max_kept  stop after this many
 * @param kept      becomes the indices kept, most confident first
 * @throws Error(kInput) for columns of different lengths, a NaN, a negative class id, thresholds out of range
 */
void class_aware_nms(const BoxColumns& boxes, float iou, std::size_t max_kept, std::vector<std::int32_t>& kept);

}  // namespace hazure
