#include <algorithm>
#include <vector>

#include "hazure/matrix.hpp"
#include "matrix/panels.hpp"
#include "matrix/tiles.hpp"

namespace hazure {
namespace {

using matrix::panels_of;
using matrix::tiles;

/** Rows multiplied at a time: their panels stay in the second-level cache. */
constexpr std::size_t kProductRows = 128;
/** Partial sums of a row's squared norm. */
constexpr std::size_t kPartials = 8;

/** Sums of one block of rows. */
struct BlockSums {
  std::vector<double> first;
  std::vector<double> third;
  double fourth = 0;
  /** Lower triangle, rows padded to A panels, columns to B panels. */
  std::vector<double> second;
  std::size_t stride = 0;
};

double squared_norm(const double* y, std::size_t cols) {
  double partial[kPartials] = {};
  std::size_t j = 0;
  for (; j + kPartials <= cols; j += kPartials) {
    for (std::size_t p = 0; p < kPartials; ++p) partial[p] += y[j + p] * y[j + p];
  }
  double sum = 0;
  for (; j < cols; ++j) sum += y[j] * y[j];
  for (const double part : partial) sum += part;
  return sum;
}

/** Puts the centred values of one row into the panels of both sides. */
void spread(const double* y, std::size_t cols, std::size_t width, std::size_t k, double* panels) {
  for (std::size_t j = 0; j < cols; j += width) {
    double* at = panels + j * kProductRows + k * width;
    const std::size_t count = std::min(width, cols - j);
    for (std::size_t i = 0; i < count; ++i) at[i] = y[j + i];
  }
}

void multiply_panels(const std::vector<double>& left, const std::vector<double>& right, std::size_t cols,
                     std::size_t depth, BlockSums& sums) {
  const auto& tile = tiles().f64;
  for (std::size_t j = 0; j < cols; j += tile.cols) {
    // Only tiles that reach into the lower triangle.
    for (std::size_t i = j - j % tile.rows; i < cols; i += tile.rows) {
      tile.multiply(left.data() + i * kProductRows, right.data() + j * kProductRows, depth,
                    sums.second.data() + i * sums.stride + j, sums.stride, true);
    }
  }
}

void sum_block(const RowsView& x, std::size_t from, std::size_t count, const double* origin, BlockSums& sums) {
  const auto& tile = tiles().f64;
  const std::size_t d = x.cols;
  const std::size_t row_width = panels_of(d, tile.rows) * tile.rows;
  sums.stride = panels_of(d, tile.cols) * tile.cols;
  sums.first.assign(d, 0);
  sums.third.assign(d, 0);
  sums.fourth = 0;
  sums.second.assign(row_width * sums.stride, 0);
  std::vector<double> left(row_width * kProductRows, 0);
  std::vector<double> right(sums.stride * kProductRows, 0);
  std::vector<double> y(d);
  for (std::size_t start = 0; start < count; start += kProductRows) {
    const std::size_t depth = std::min(kProductRows, count - start);
    for (std::size_t k = 0; k < depth; ++k) {
      const float* row = x.data + (from + start + k) * d;
      for (std::size_t j = 0; j < d; ++j) y[j] = static_cast<double>(row[j]) - origin[j];
      const double square = squared_norm(y.data(), d);
      for (std::size_t j = 0; j < d; ++j) {
        sums.first[j] += y[j];
        sums.third[j] += square * y[j];
      }
      sums.fourth += square * square;
      spread(y.data(), d, tile.rows, k, left.data());
      spread(y.data(), d, tile.cols, k, right.data());
    }
    multiply_panels(left, right, d, depth, sums);
  }
}

void add_block(const BlockSums& block, std::size_t d, MomentSums& sums) {
  for (std::size_t i = 0; i < d; ++i) {
    sums.first[i] += block.first[i];
    sums.third[i] += block.third[i];
    for (std::size_t j = 0; j <= i; ++j) sums.second[i * d + j] += block.second[i * block.stride + j];
  }
  sums.fourth += block.fourth;
}

}  // namespace

void moment_sums(const RowsView& rows, const double* origin, MomentSums& sums, ThreadPool& pool) {
  const std::size_t d = rows.cols;
  std::fill_n(sums.first, d, 0.0);
  std::fill_n(sums.third, d, 0.0);
  std::fill_n(sums.second, d * d, 0.0);
  sums.fourth = 0;
  const std::size_t blocks = panels_of(rows.rows, kMomentBlockRows);
  std::vector<BlockSums> partial(std::min(blocks, pool.size()));
  for (std::size_t first = 0; first < blocks; first += partial.size()) {
    const std::size_t count = std::min(partial.size(), blocks - first);
    pool.parallel_for(count, [&](std::size_t i) {
      const std::size_t from = (first + i) * kMomentBlockRows;
      sum_block(rows, from, std::min(kMomentBlockRows, rows.rows - from), origin, partial[i]);
    });
    for (std::size_t i = 0; i < count; ++i) add_block(partial[i], d, sums);
  }
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = i + 1; j < d; ++j) sums.second[i * d + j] = sums.second[j * d + i];
  }
}

}  // namespace hazure
