#include "hazure/nms.hpp"

#include <algorithm>
#include <numeric>

#include "check.hpp"
#include "picture.hpp"

using namespace hazure;

namespace {

struct Boxes {
  std::vector<float> x1, y1, x2, y2, confidence;
  std::vector<std::int32_t> class_id;

  void add(float a, float b, float c, float d, float score, std::int32_t id) {
    x1.push_back(a), y1.push_back(b), x2.push_back(c), y2.push_back(d), confidence.push_back(score), class_id.push_back(id);
  }
  [[nodiscard]] BoxColumns columns() const { return {x1, y1, x2, y2, confidence, class_id}; }
};

/** Textbook greedy NMS in double; also tells the smallest distance of any IoU it compared from the threshold. */
std::vector<std::int32_t> naive_nms(const Boxes& boxes, double iou, double& closest) {
  std::vector<std::int32_t> order(boxes.confidence.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return boxes.confidence[static_cast<std::size_t>(a)] > boxes.confidence[static_cast<std::size_t>(b)];
  });
  std::vector<std::int32_t> kept;
  for (const std::int32_t candidate : order) {
    const auto i = static_cast<std::size_t>(candidate);
    bool survives = true;
    for (const std::int32_t earlier : kept) {
      const auto j = static_cast<std::size_t>(earlier);
      if (boxes.class_id[i] != boxes.class_id[j]) continue;
      const double w = std::min<double>(boxes.x2[i], boxes.x2[j]) - std::max<double>(boxes.x1[i], boxes.x1[j]);
      const double h = std::min<double>(boxes.y2[i], boxes.y2[j]) - std::max<double>(boxes.y1[i], boxes.y1[j]);
      const double both = std::max(0.0, w) * std::max(0.0, h);
      const auto area = [&](std::size_t k) {
        return std::max(0.0, double(boxes.x2[k]) - boxes.x1[k]) * std::max(0.0, double(boxes.y2[k]) - boxes.y1[k]);
      };
      const double overlap = both > 0 ? both / (area(i) + area(j) - both) : 0;
      if (both > 0) closest = std::min(closest, std::abs(overlap - iou));
      if (overlap > iou) {
        survives = false;
        break;
      }
    }
    if (survives) kept.push_back(candidate);
  }
  return kept;
}

}  // namespace

TEST(nms, equals_the_textbook_on_random_boxes) {
  testing::for_each_kernel_set([&](const std::string& isa) {
    testing::Random random(8);
    int compared = 0;
    for (int round = 0; round < 120; ++round) {
      Boxes boxes;
      const int count = random.integer(0, round % 10 == 0 ? 1500 : 150);
      const int classes = random.integer(1, 6);
      for (int i = 0; i < count; ++i) {
        const double x = random.real(0, 200);
        const double y = random.real(0, 200);
        // Coarse confidences make ties.
        boxes.add(float(x), float(y), float(x + random.real(0, 80)), float(y + random.real(0, 80)),
                  float(random.integer(0, 40)) / 40.0F, random.integer(0, classes - 1));
      }
      const double iou = random.real(0.0, 1.0);
      double closest = 1;
      const std::vector<std::int32_t> expected = naive_nms(boxes, float(iou), closest);
      if (closest < 1e-6) continue;  // float and double may rightly differ
      std::vector<std::int32_t> kept;
      class_aware_nms(boxes.columns(), float(iou), 1'000'000, kept);
      CHECK(kept == expected, "with ", isa, ", round ", round);
      ++compared;
    }
    CHECK(compared > 80, compared);
  });
}

TEST(nms, ties_go_to_the_lower_index) {
  Boxes boxes;
  for (int i = 0; i < 5; ++i) boxes.add(0, 0, 10, 10, 0.5F, 0);
  std::vector<std::int32_t> kept;
  class_aware_nms(boxes.columns(), 0.5F, 10, kept);
  CHECK_EQ(kept.size(), 1U);
  CHECK_EQ(kept[0], 0);
}

TEST(nms, boxes_of_other_classes_never_suppress) {
  Boxes boxes;
  for (int i = 0; i < 5; ++i) boxes.add(0, 0, 10, 10, 0.5F, i);
  std::vector<std::int32_t> kept;
  class_aware_nms(boxes.columns(), 0.0F, 10, kept);
  CHECK_EQ(kept.size(), 5U);
}

TEST(nms, keeps_at_most_max_kept_and_sorts_many_by_confidence) {
  Boxes boxes;
  testing::Random random(4);
  for (int i = 0; i < 5000; ++i) {
    boxes.add(float(20 * i), 0, float(20 * i + 10), 10, float(random.real(-3, 3)), 0);
  }
  std::vector<std::int32_t> kept;
  class_aware_nms(boxes.columns(), 0.5F, 5000, kept);
  CHECK_EQ(kept.size(), 5000U);
  for (std::size_t i = 1; i < kept.size(); ++i) {
    CHECK(boxes.confidence[std::size_t(kept[i - 1])] >= boxes.confidence[std::size_t(kept[i])], i);
  }
  class_aware_nms(boxes.columns(), 0.5F, 17, kept);
  CHECK_EQ(kept.size(), 17U);
  class_aware_nms(boxes.columns(), 0.5F, 0, kept);
  CHECK_EQ(kept.size(), 0U);
}

TEST(nms, exactly_the_threshold_is_kept) {
  Boxes boxes;
  boxes.add(0, 0, 2, 1, 0.9F, 0);
  boxes.add(0, 0, 1, 1, 0.8F, 0);  // IoU 0.5
  std::vector<std::int32_t> kept;
  class_aware_nms(boxes.columns(), 0.5F, 10, kept);
  CHECK_EQ(kept.size(), 2U);
  class_aware_nms(boxes.columns(), 0.49F, 10, kept);
  CHECK_EQ(kept.size(), 1U);
}
