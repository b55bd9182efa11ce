#include "hazure/cuda/normalise.hpp"

#include <limits>

#include "device.hpp"
#include "hazure/normalise.hpp"
#include "picture.hpp"

using namespace hazure;

TEST(cuda_normalise, is_within_one_unit_in_the_last_place_of_the_cpu) {
  testing::need_device();
  testing::Random random(12);
  cuda::Workspace workspace;
  ThreadPool pool;
  for (const std::size_t dimensions : {1U, 31U, 512U, 1280U, 5000U}) {
    const std::size_t rows = 57;
    std::vector<float> expected(rows * dimensions);
    for (float& value : expected) value = float(random.real(-3, 3));
    std::fill_n(expected.begin(), dimensions, 0.0F);
    const testing::OnDevice<float> device(expected);
    cuda::l2_normalise_rows(device.data(), rows, dimensions, workspace, nullptr);
    l2_normalise_rows(expected.data(), rows, dimensions, pool);
    const std::vector<float> came = device.fetch();
    for (std::size_t i = 0; i < came.size(); ++i) CHECK_NEAR(came[i], expected[i], 1.2e-7 * std::abs(expected[i]));
  }
}

TEST(cuda_normalise, names_the_first_row_that_is_no_number) {
  testing::need_device();
  std::vector<float> rows(10 * 8, 1.0F);
  rows[3 * 8 + 2] = std::numeric_limits<float>::quiet_NaN();
  rows[7 * 8] = std::numeric_limits<float>::infinity();
  const testing::OnDevice<float> device(rows);
  cuda::Workspace workspace;
  CHECK_REFUSED(kModel, "row 3", cuda::l2_normalise_rows(device.data(), 10, 8, workspace, nullptr));
}
