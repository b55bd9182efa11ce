#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hazure/nms.hpp"
#include "kernels/kernels.hpp"

namespace hazure {

/** Class ids lie below this, so that a table by class stays small. */
inline constexpr std::int32_t kMaxClasses = 1'000'000;

/** Memory of class-aware NMS that is kept from call to call. */
class NmsWorkspace {
 public:
  /** Indices by falling confidence, ties by rising index. Valid until the next call. */
  std::span<const std::int32_t> sort(std::span<const float> confidence);

  /**
   * Walks `order` and calls `keep(index)` for each box that survives; stops when that returns false. A box
   * for which `keep` ran suppresses the later ones of its class. All values finite, class ids in range.
   */
  template <typename Keep>
  void suppress(const BoxColumns& boxes, std::span<const std::int32_t> order, float iou, Keep&& keep) {
    const kernels::KernelTable& kernel = kernels::active();
    forget();
    for (const std::int32_t index : order) {
      const auto at = static_cast<std::size_t>(index);
      const float width = boxes.x2[at] - boxes.x1[at];
      const float height = boxes.y2[at] - boxes.y1[at];
      const float area = (width > 0 ? width : 0) * (height > 0 ? height : 0);
      const kernels::BoxQuery query{boxes.x1[at], boxes.y1[at], boxes.x2[at], boxes.y2[at], area, iou};
      const std::int32_t head = head_of(boxes.class_id[at]);
      if (kernel.any_overlap(chunks_.data(), head, query)) continue;
      if (!keep(index)) return;
      remember(boxes.class_id[at], query);
    }
  }

 private:
  void forget();
  std::int32_t head_of(std::int32_t class_id);
  void remember(std::int32_t class_id, const kernels::BoxQuery& box);

  std::vector<std::uint64_t> keys_;
  std::vector<std::uint64_t> sorted_;
  std::vector<std::int32_t> order_;
  std::vector<kernels::BoxChunk> chunks_;
  std::vector<std::int32_t> heads_;
  std::vector<std::int32_t> used_classes_;
};

}  // namespace hazure
