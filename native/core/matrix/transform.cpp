#include <vector>

#include "hazure/matrix.hpp"
#include "matrix/panels.hpp"
#include "matrix/tiles.hpp"

namespace hazure {
namespace {

using matrix::pack_panel;
using matrix::panels_of;
using matrix::tiles;

/** A panels of a block of rows: together they stay in the second-level cache. */
constexpr std::size_t kRowPanels = 8;

}  // namespace

void transform_rows(const TransformRequest& request, double* result, ThreadPool& pool) {
  const auto& tile = tiles().f64;
  const std::size_t depth = request.rows.cols;
  const std::size_t rank = request.rank;
  const std::size_t panels = panels_of(rank, tile.cols);
  std::vector<double> factor(panels * tile.cols * depth);
  pool.parallel_for(panels, [&](std::size_t panel) {
    const std::size_t first = panel * tile.cols;
    const double* rows = request.factor + first * depth;
    pack_panel(std::min(tile.cols, rank - first), depth, tile.cols, factor.data() + first * depth,
               [&](std::size_t r, std::size_t k) { return rows[r * depth + k]; });
  });
  const std::size_t block_rows = tile.rows * kRowPanels;
  pool.parallel_for(panels_of(request.rows.rows, block_rows), [&](std::size_t block) {
    const std::size_t from = block * block_rows;
    const std::size_t count = std::min(block_rows, request.rows.rows - from);
    thread_local std::vector<double> packed;
    packed.resize(block_rows * depth);
    for (std::size_t first = 0; first < count; first += tile.rows) {
      const float* rows = request.rows.data + (from + first) * depth;
      pack_panel(std::min(tile.rows, count - first), depth, tile.rows, packed.data() + first * depth,
                 [&](std::size_t r, std::size_t k) { return static_cast<double>(rows[r * depth + k]) - request.origin[k]; });
    }
    alignas(64) double products[16 * 64];
    for (std::size_t column = 0; column < rank; column += tile.cols) {
      const std::size_t width = std::min(tile.cols, rank - column);
      const std::size_t terms = request.triangular ? std::min(depth, column + width) : depth;
      for (std::size_t first = 0; first < count; first += tile.rows) {
        tile.multiply(packed.data() + first * depth, factor.data() + column * depth, terms, products, tile.cols, false);
        const std::size_t rows = std::min(tile.rows, count - first);
        for (std::size_t r = 0; r < rows; ++r) {
          std::copy_n(products + r * tile.cols, width, result + (from + first + r) * rank + column);
        }
      }
    }
  });
}

}  // namespace hazure
