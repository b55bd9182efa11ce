#include "hazure/normalise.hpp"

#include <limits>

#include "check.hpp"
#include "picture.hpp"

using namespace hazure;

TEST(normalise, rows_get_length_one_as_in_long_double) {
  testing::for_each_kernel_set([&](const std::string& isa) {
    testing::Random random(6);
    ThreadPool pool(3);
    for (const std::size_t dimensions : {1U, 2U, 15U, 16U, 17U, 100U, 768U, 1280U}) {
      const std::size_t rows = 37;
      std::vector<float> values(rows * dimensions);
      for (float& value : values) value = float(random.real(-9, 9));
      std::vector<float> out = values;
      l2_normalise_rows(out.data(), rows, dimensions, pool);
      for (std::size_t r = 0; r < rows; ++r) {
        long double squares = 0;
        for (std::size_t d = 0; d < dimensions; ++d) squares += (long double)values[r * dimensions + d] * values[r * dimensions + d];
        for (std::size_t d = 0; d < dimensions; ++d) {
          const double exact = double(values[r * dimensions + d] / std::sqrt(squares));
          CHECK_NEAR(out[r * dimensions + d], exact, 6e-8 * std::abs(exact) + 1e-30, "with ", isa);
        }
      }
    }
  });
}

TEST(normalise, gives_the_same_bits_on_every_kernel_set_and_thread_count) {
  testing::Random random(9);
  const std::size_t rows = 400;
  const std::size_t dimensions = 517;
  std::vector<float> values(rows * dimensions);
  for (float& value : values) value = float(random.real(-1, 1));
  std::vector<float> first;
  testing::for_each_kernel_set([&](const std::string& isa) {
    for (const std::size_t threads : {1, 4}) {
      ThreadPool pool(threads);
      std::vector<float> out = values;
      l2_normalise_rows(out.data(), rows, dimensions, pool);
      if (first.empty()) first = out;
      CHECK(out == first, "with ", isa, " and ", threads, " threads");
    }
  });
}

TEST(normalise, zero_huge_and_tiny_rows) {
  ThreadPool pool(1);
  float zeros[4] = {0, -0.0F, 0, 0};
  l2_normalise_rows(zeros, 1, 4, pool);
  CHECK_EQ(zeros[0] + zeros[1] + zeros[2] + zeros[3], 0.0F);
  float huge[2] = {3e38F, 3e38F};
  l2_normalise_rows(huge, 1, 2, pool);
  CHECK_NEAR(huge[0], std::sqrt(0.5), 1e-7);
  float tiny[2] = {1e-40F, 0};
  l2_normalise_rows(tiny, 1, 2, pool);
  CHECK_NEAR(tiny[0], 1.0, 1e-6);
}

TEST(normalise, refuses_what_is_no_number) {
  ThreadPool pool(1);
  float rows[4] = {1, 2, std::numeric_limits<float>::quiet_NaN(), 1};
  CHECK_REFUSED(kModel, "row 1", l2_normalise_rows(rows, 2, 2, pool));
  rows[2] = std::numeric_limits<float>::infinity();
  CHECK_REFUSED(kModel, "row 1", l2_normalise_rows(rows, 2, 2, pool));
  CHECK_REFUSED(kInput, "at least one", l2_normalise_rows(nullptr, 2, 2, pool));
  CHECK_REFUSED(kInput, "at least one", l2_normalise_rows(rows, 2, 0, pool));
  l2_normalise_rows(nullptr, 0, 2, pool);
}
