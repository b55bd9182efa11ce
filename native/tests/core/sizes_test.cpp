#include "hazure/checked_size.hpp"

#include <limits>

#include "check.hpp"
#include "hazure/detections.hpp"
#include "hazure/error.hpp"
#include "picture.hpp"

using namespace hazure;

namespace {

constexpr std::size_t kHalf = std::size_t{1} << 63;

/** Three images of one anchor and one class each. */
struct Batch {
  std::vector<float> data{5, 5, 4, 4, 0.9F, 5, 5, 4, 4, 0.9F, 5, 5, 4, 4, 0.9F};
  std::vector<std::int64_t> dims{3, 5, 1};

  void run() {
    ThreadPool pool(2);
    const TensorView view{"output0", dims, data.data()};
    const std::vector<DetectionSource> sources(3, DetectionSource{16, 16, {}});
    std::vector<std::vector<Detection>> results;
    decode_detections(Yolov8Head{1}, {&view, 1}, 16, 16, sources, {}, results, pool);
  }
};

}  // namespace

TEST(sizes, products_that_do_not_fit_are_no_sizes) {
  CHECK((checked_product({3, 5, 7})) == std::size_t{105U});
  CHECK((checked_product({kHalf, 1})) == std::size_t{kHalf});
  CHECK(!checked_product({kHalf, 2}));
  CHECK(!checked_product({std::size_t{1} << 32, std::size_t{1} << 32}));
  CHECK((element_count(std::vector<std::int64_t>{2, 3, 4})) == std::size_t{24U});
  CHECK((element_count(std::vector<std::int64_t>{})) == std::size_t{1U});
  CHECK((element_count(std::vector<std::int64_t>{1 << 30, 65536, 65536, 0})) == std::size_t{0U});
  CHECK(!tensor_bytes(std::vector<std::int64_t>{1 << 30, 65536, 65536}, 4));  // 2^62 elements, 2^64 bytes
  CHECK(!element_count(std::vector<std::int64_t>{1 << 30, 65536, 65536, 4}));
  CHECK(!element_count(std::vector<std::int64_t>{2, -1}));
  CHECK(!tensor_bytes(std::vector<std::int64_t>{std::int64_t{1} << 62}, 4));
  CHECK((tensor_bytes(std::vector<std::int64_t>{7}, 4)) == std::size_t{28U});
}

TEST(sizes, what_no_host_has_is_refused_before_it_is_allocated) {
  CHECK_EQ(host_bytes(1000, "a thing"), 1000U);
  CHECK_REFUSED(kOutOfDeviceMemory, "a thing needs", host_bytes(std::size_t{1} << 50, "a thing"));
  CHECK_REFUSED(kOutOfDeviceMemory, "more than 2^64", host_bytes(std::nullopt, "a thing"));
  CHECK_REFUSED(kOutOfDeviceMemory, "a thing needs", host_bytes(std::numeric_limits<std::size_t>::max(), "a thing"));
}

TEST(sizes, an_output_whose_dimensions_wrap_is_refused) {
  Batch batch;
  batch.dims = {std::int64_t{1} << 62, 5, std::int64_t{1} << 30};
  CHECK_REFUSED(kModel, "should be", batch.run());
}

TEST(sizes, an_error_names_all_items_at_fault) {
  Batch batch;
  batch.data[4] = std::numeric_limits<float>::quiet_NaN();
  batch.data[12] = std::numeric_limits<float>::infinity();  // a side of the third
  std::vector<std::size_t> items;
  try {
    batch.run();
  } catch (const ItemError& error) {
    items = error.items();
    CHECK_EQ(std::string(error.what()), "items 0, 2 of the batch: the model's scores hold NaN");
    CHECK_EQ(std::string(error.in_batch(8).what()), "items 8, 10 of the batch: the model's scores hold NaN");
  }
  CHECK_EQ(items.size(), 2U);
  batch = Batch();
  batch.data[5 + 4] = std::numeric_limits<float>::quiet_NaN();
  CHECK_REFUSED(kModel, "item 1 of the batch", batch.run());
}
