#include "hazure/nms.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "hazure/error.hpp"
#include "detection/nms_workspace.hpp"

namespace hazure {
namespace {

/** Ascending order of these is descending order of the floats; −0 counts as 0. */
std::uint32_t descending_key(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value + 0.0F);
  return (bits & 0x80000000U) != 0 ? bits : bits ^ 0x7FFFFFFFU;
}

/** Least significant digit first over the upper 32 bits; stable, so equal keys keep the order of their indices. */
void radix_sort(std::vector<std::uint64_t>& keys, std::vector<std::uint64_t>& spare) {
  constexpr int kBits = 11;
  constexpr std::size_t kBuckets = std::size_t{1} << kBits;
  constexpr int kPasses = 3;
  std::array<std::array<std::uint32_t, kBuckets>, kPasses> starts{};
  const auto digit = [](std::uint64_t key, int pass) {
    return static_cast<std::size_t>(key >> (32 + pass * kBits)) & (kBuckets - 1);
  };
  for (const std::uint64_t key : keys) {
    for (int pass = 0; pass < kPasses; ++pass) ++starts[static_cast<std::size_t>(pass)][digit(key, pass)];
  }
  spare.resize(keys.size());
  for (int pass = 0; pass < kPasses; ++pass) {
    auto& start = starts[static_cast<std::size_t>(pass)];
    std::uint32_t sum = 0;
    for (std::uint32_t& count : start) {
      const std::uint32_t here = count;
      count = sum;
      sum += here;
    }
    for (const std::uint64_t key : keys) spare[start[digit(key, pass)]++] = key;
    keys.swap(spare);
  }
}

}  // namespace

std::span<const std::int32_t> NmsWorkspace::sort(std::span<const float> confidence) {
  constexpr std::size_t kRadixFrom = 512;
  keys_.resize(confidence.size());
  for (std::size_t i = 0; i < keys_.size(); ++i) keys_[i] = std::uint64_t{descending_key(confidence[i])} << 32 | i;
  if (keys_.size() < kRadixFrom) {
    std::sort(keys_.begin(), keys_.end());
  } else {
    radix_sort(keys_, sorted_);
  }
  order_.resize(keys_.size());
  for (std::size_t i = 0; i < keys_.size(); ++i) order_[i] = static_cast<std::int32_t>(keys_[i] & 0xFFFFFFFFU);
  return order_;
}

void NmsWorkspace::forget() {
  chunks_.clear();
  for (const std::int32_t class_id : used_classes_) heads_[static_cast<std::size_t>(class_id)] = -1;
  used_classes_.clear();
}

std::int32_t NmsWorkspace::head_of(std::int32_t class_id) {
  const auto at = static_cast<std::size_t>(class_id);
  if (at >= heads_.size()) heads_.resize(at + 1, -1);
  return heads_[at];
}

void NmsWorkspace::remember(std::int32_t class_id, const kernels::BoxQuery& box) {
  std::int32_t& head = heads_[static_cast<std::size_t>(class_id)];
  if (head < 0) used_classes_.push_back(class_id);
  if (head < 0 || chunks_[static_cast<std::size_t>(head)].used == kernels::BoxChunk::kBoxes) {
    constexpr float kFar = std::numeric_limits<float>::max();
    kernels::BoxChunk& chunk = chunks_.emplace_back();
    std::fill_n(chunk.x1, kernels::BoxChunk::kBoxes, kFar);
    std::fill_n(chunk.y1, kernels::BoxChunk::kBoxes, kFar);
    std::fill_n(chunk.x2, kernels::BoxChunk::kBoxes, -kFar);
    std::fill_n(chunk.y2, kernels::BoxChunk::kBoxes, -kFar);
    std::fill_n(chunk.area, kernels::BoxChunk::kBoxes, 0.0F);
    chunk.used = 0;
    chunk.next = head;
    head = static_cast<std::int32_t>(chunks_.size()) - 1;
  }
  kernels::BoxChunk& chunk = chunks_[static_cast<std::size_t>(head)];
  const std::int32_t place = chunk.used++;
  chunk.x1[place] = box.x1;
  chunk.y1[place] = box.y1;
  chunk.x2[place] = box.x2;
  chunk.y2[place] = box.y2;
  chunk.area[place] = box.area;
}

void class_aware_nms(const BoxColumns& boxes, float iou, std::size_t max_kept, std::vector<std::int32_t>& kept) {
  const std::size_t count = boxes.confidence.size();
  if (boxes.x1.size() != count || boxes.y1.size() != count || boxes.x2.size() != count || boxes.y2.size() != count ||
      boxes.class_id.size() != count) {
    throw Error(ErrorKind::kInput, "NMS needs columns of one length", "Pass one value per box in every column.");
  }
  if (count > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw Error(ErrorKind::kInput, "NMS takes up to 2^31 − 1 boxes, came " + std::to_string(count), "Preselect boxes.");
  }
  if (!(iou >= 0.0F && iou <= 1.0F)) {
    throw Error(ErrorKind::kInput, "iou must be 0 to 1, came " + std::to_string(iou), "0.45 is a usual value.");
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (!std::isfinite(boxes.x1[i]) || !std::isfinite(boxes.y1[i]) || !std::isfinite(boxes.x2[i]) ||
        !std::isfinite(boxes.y2[i]) || std::isnan(boxes.confidence[i])) {
      throw Error(ErrorKind::kInput, "box " + std::to_string(i) + " has a corner or confidence that is no number",
                  "Drop such boxes first.");
    }
    if (boxes.class_id[i] < 0 || boxes.class_id[i] >= kMaxClasses) {
      throw Error(ErrorKind::kInput,
                  "class ids are 0 to " + std::to_string(kMaxClasses - 1) + ", box " + std::to_string(i) + " has " +
                      std::to_string(boxes.class_id[i]),
                  "Number the classes from 0.");
    }
  }
  kept.clear();
  if (max_kept == 0) return;
  thread_local NmsWorkspace workspace;
  workspace.suppress(boxes, workspace.sort(boxes.confidence), iou, [&](std::int32_t index) {
    kept.push_back(index);
    return kept.size() < max_kept;
  });
}

}  // namespace hazure
