#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "check.hpp"
#include "hazure/matrix.hpp"

namespace hazure {
namespace {

std::vector<float> normals(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

/** Distances by plain loops in float64, in order. */
std::vector<std::int32_t> nearest_reference(const NearestRequest& request) {
  const std::size_t d = request.queries.cols;
  std::vector<std::int32_t> result;
  for (std::size_t q = 0; q < request.queries.rows; ++q) {
    std::vector<std::pair<double, std::int32_t>> all;
    for (std::size_t r = 0; r < request.reference.rows; ++r) {
      if (request.part_of != nullptr && request.part_of[q] == request.part_of[r]) continue;
      double sum = 0;
      for (std::size_t j = 0; j < d; ++j) {
        const double apart = static_cast<double>(request.queries.data[q * d + j]) - request.reference.data[r * d + j];
        sum += apart * apart;
      }
      all.emplace_back(sum * (request.weights == nullptr ? 1 : request.weights[r]), static_cast<std::int32_t>(r));
    }
    std::sort(all.begin(), all.end());
    for (std::size_t k = 0; k < request.kept; ++k) result.push_back(k < all.size() ? all[k].second : -1);
  }
  return result;
}

template <typename Body>
void on_every_isa(Body&& body) {
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    if (force_matrix_isa(isa)) body(std::string(isa));
  }
}

TEST(matrix, nearest_rows_equal_plain_loops) {
  ThreadPool pool(3);
  const std::size_t shapes[][3] = {{1, 1, 1}, {13, 7, 3}, {97, 33, 40}, {50, 4200, 17}, {300, 300, 65}};
  for (const auto& [m, n, d] : shapes) {
    const auto queries = normals(m * d, 1);
    const auto reference = normals(n * d, 2);
    std::vector<float> weights(n);
    std::vector<std::int32_t> parts(n);
    for (std::size_t i = 0; i < n; ++i) {
      weights[i] = 0.5F + static_cast<float>(i % 7) / 7;
      parts[i] = static_cast<std::int32_t>(i % 5);
    }
    for (const bool weighted : {false, true}) {
      for (const bool own : {false, true}) {
        const RowsView from{own ? reference.data() : queries.data(), own ? std::min<std::size_t>(n, 400) : m, d};
        const std::size_t rows = from.rows;
        const NearestRequest request{from, {reference.data(), own ? rows : n, d}, 6,
                                     weighted ? weights.data() : nullptr, own ? parts.data() : nullptr};
        const auto expected = nearest_reference(request);
        on_every_isa([&](const std::string&) {
          std::vector<std::int32_t> found(rows * 6);
          nearest_rows(request, found.data(), pool);
          CHECK(found == expected);
        });
      }
    }
  }
}

TEST(matrix, equal_rows_come_in_order_and_threads_change_nothing) {
  const std::size_t d = 20;
  std::vector<float> reference = normals(d, 3);
  for (int copy = 0; copy < 99; ++copy) reference.insert(reference.end(), reference.begin(), reference.begin() + d);
  on_every_isa([&](const std::string&) {
    for (const std::size_t threads : {1, 4}) {
      ThreadPool pool(threads);
      std::vector<std::int32_t> found(4);
      nearest_rows({{reference.data(), 1, d}, {reference.data(), 100, d}, 4, nullptr, nullptr}, found.data(), pool);
      CHECK((found == std::vector<std::int32_t>{0, 1, 2, 3}));
    }
  });
}

TEST(matrix, transforms_equal_plain_loops) {
  ThreadPool pool(2);
  const std::size_t m = 101;
  const std::size_t d = 37;
  const auto rows = normals(m * d, 4);
  std::vector<double> origin(d, 0.25);
  for (const bool triangular : {false, true}) {
    const std::size_t rank = triangular ? d : 53;
    std::vector<double> factor(rank * d);
    for (std::size_t i = 0; i < factor.size(); ++i) {
      factor[i] = triangular && i % d > i / d ? 0 : std::sin(static_cast<double>(i));
    }
    on_every_isa([&](const std::string&) {
      std::vector<double> result(m * rank, -1);
      transform_rows({{rows.data(), m, d}, origin.data(), factor.data(), rank, triangular}, result.data(), pool);
      double worst = 0;
      for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t r = 0; r < rank; ++r) {
          double sum = 0;
          for (std::size_t j = 0; j < d; ++j) sum += (rows[i * d + j] - origin[j]) * factor[r * d + j];
          worst = std::max(worst, std::abs(sum - result[i * rank + r]));
        }
      }
      CHECK(worst < 1e-12);
    });
  }
}

TEST(matrix, moments_equal_plain_loops) {
  const std::size_t n = 5000;
  const std::size_t d = 21;
  const auto rows = normals(n * d, 5);
  const std::vector<double> origin(d, 0.5);
  std::vector<double> first(d), second(d * d), third(d);
  double fourth = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double square = 0;
    for (std::size_t j = 0; j < d; ++j) square += std::pow(rows[i * d + j] - origin[j], 2);
    for (std::size_t j = 0; j < d; ++j) {
      const double y = rows[i * d + j] - origin[j];
      first[j] += y;
      third[j] += square * y;
      for (std::size_t k = 0; k < d; ++k) second[j * d + k] += y * (rows[i * d + k] - origin[k]);
    }
    fourth += square * square;
  }
  on_every_isa([&](const std::string&) {
    std::vector<double> once;
    for (const std::size_t threads : {1, 3}) {
      ThreadPool pool(threads);
      std::vector<double> a(d), b(d * d), c(d);
      MomentSums sums{a.data(), b.data(), c.data(), 0};
      moment_sums({rows.data(), n, d}, origin.data(), sums, pool);
      for (std::size_t j = 0; j < d; ++j) CHECK(std::abs(a[j] - first[j]) < 1e-8);
      for (std::size_t j = 0; j < d; ++j) CHECK(std::abs(c[j] - third[j]) < 1e-6);
      for (std::size_t j = 0; j < d * d; ++j) CHECK(std::abs(b[j] - second[j]) < 1e-8);
      CHECK(std::abs(sums.fourth / fourth - 1) < 1e-12);
      if (once.empty()) once = b;
      CHECK(once == b);
    }
  });
}

}  // namespace
}  // namespace hazure
