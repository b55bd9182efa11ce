#pragma once

#include <span>
#include <vector>

#include "hazure/cuda/workspace.hpp"
#include "hazure/detections.hpp"

namespace hazure::cuda {

/** Most anchors of one image, and most images of one call. */
inline constexpr int kMaxAnchors = 1 << 20;
inline constexpr int kMaxBatch = 1 << 12;

/**
 * Device twin of hazure::decode_detections: same heads, options, refusals and order. Only the boxes that
 * survive come back to the host; waits for `stream`.
 *
 * Same bits as on the CPU for YOLOv8 and YOLOv5 heads. YOLOX, NanoDet and DETR use the device's exp, within
 * 1e-5 of the box size and of the confidence; a candidate that near a threshold may fall on its other side.
 *
 * @param outputs  float32 tensors in device memory
 * @throws Error(kInput) for more than kMaxAnchors anchors, kMaxBatch sources or 8 strides
 */
void decode_detections(const HeadSpec& head, std::span<const TensorView> outputs, int input_width_px,
                       int input_height_px, std::span<const DetectionSource> sources, const DetectOptions& options,
                       std::vector<std::vector<Detection>>& results, Workspace& workspace, Stream stream);

}  // namespace hazure::cuda
