#include <bit>
#include <limits>
#include <vector>

#include "hazure/matrix.hpp"
#include "matrix/panels.hpp"
#include "matrix/tiles.hpp"

namespace hazure {
namespace {

using matrix::pack_panel;
using matrix::panels_of;
using matrix::tiles;

/** Reference rows packed at a time: bounds memory. */
constexpr std::size_t kReferenceBlock = 4096;
/** B panels that a block of queries runs over before the next A panel: they stay in the second-level cache. */
constexpr std::size_t kPanelsAtATime = 4;
/** Most A panels of a block of queries. */
constexpr std::size_t kQueryPanels = 8;

float squared_norm(const float* row, std::size_t cols) {
  double sum = 0;
  for (std::size_t j = 0; j < cols; ++j) sum += static_cast<double>(row[j]) * row[j];
  return static_cast<float>(sum);
}

/** The most similar rows so far of every query, most similar first. */
class Best {
 public:
  Best(const NearestRequest& request, std::int32_t* indices)
      : kept_(request.kept),
        part_of_(request.part_of),
        indices_(indices),
        similarities_(request.queries.rows * request.kept, -std::numeric_limits<float>::infinity()) {
    std::fill_n(indices, request.queries.rows * request.kept, -1);
  }

  [[nodiscard]] float worst(std::size_t query) const { return similarities_[query * kept_ + kept_ - 1]; }

  /** similarities[j] belongs to reference row from + j; `found` has a bit for each that may count. */
  void offer(std::size_t query, std::size_t from, const float* similarities, std::uint64_t found) {
    for (; found != 0; found &= found - 1) {
      const auto j = static_cast<std::size_t>(std::countr_zero(found));
      const std::size_t row = from + j;
      if (similarities[j] <= worst(query)) continue;
      if (part_of_ != nullptr && part_of_[row] == part_of_[query]) continue;
      float* best = similarities_.data() + query * kept_;
      std::int32_t* index = indices_ + query * kept_;
      std::size_t slot = kept_ - 1;
      for (; slot > 0 && best[slot - 1] < similarities[j]; --slot) {
        best[slot] = best[slot - 1];
        index[slot] = index[slot - 1];
      }
      best[slot] = similarities[j];
      index[slot] = static_cast<std::int32_t>(row);
    }
  }

 private:
  std::size_t kept_;
  const std::int32_t* part_of_;
  std::int32_t* indices_;
  std::vector<float> similarities_;
};

/** Packed reference rows with what ranks them, padded to whole panels. */
struct Block {
  std::size_t first = 0;
  std::size_t rows = 0;
  std::vector<float> panels;
  std::vector<float> gains;
  std::vector<float> offsets;
  std::vector<float> weights;
};

void load_block(const NearestRequest& request, std::size_t first, Block& block, ThreadPool& pool) {
  const auto& tile = tiles().f32;
  const std::size_t depth = request.reference.cols;
  block.first = first;
  block.rows = std::min(kReferenceBlock, request.reference.rows - first);
  const std::size_t panels = panels_of(block.rows, tile.cols);
  const std::size_t padded = panels * tile.cols;
  block.panels.resize(padded * depth);
  block.gains.assign(padded, 0);
  block.offsets.assign(padded, 0);
  block.weights.assign(request.weights == nullptr ? 0 : padded, 0);
  pool.parallel_for(panels, [&](std::size_t panel) {
    const std::size_t from = panel * tile.cols;
    const std::size_t count = std::min(tile.cols, block.rows - from);
    const float* rows = request.reference.data + (first + from) * depth;
    pack_panel(count, depth, tile.cols, block.panels.data() + from * depth,
               [&](std::size_t r, std::size_t k) { return rows[r * depth + k]; });
    for (std::size_t r = 0; r < count; ++r) {
      double norm = 0;
      for (std::size_t k = 0; k < depth; ++k) norm += static_cast<double>(rows[r * depth + k]) * rows[r * depth + k];
      const float weight = request.weights == nullptr ? 1.0F : request.weights[first + from + r];
      block.gains[from + r] = 2 * weight;
      block.offsets[from + r] = static_cast<float>(norm * weight);
      if (request.weights != nullptr) block.weights[from + r] = weight;
    }
  });
}

/** Offers the block's rows to some queries. */
void search_block(const NearestRequest& request, const Block& block, std::size_t from, std::size_t count, Best& best) {
  const auto& set = tiles();
  const auto& tile = set.f32;
  const std::size_t depth = request.queries.cols;
  const std::size_t row_panels = panels_of(count, tile.rows);
  thread_local std::vector<float> packed;
  thread_local std::vector<float> norms;
  packed.resize(row_panels * tile.rows * depth);
  norms.assign(row_panels * tile.rows, 0);
  for (std::size_t panel = 0; panel < row_panels; ++panel) {
    const std::size_t first = panel * tile.rows;
    const float* rows = request.queries.data + (from + first) * depth;
    pack_panel(std::min(tile.rows, count - first), depth, tile.rows, packed.data() + first * depth,
               [&](std::size_t r, std::size_t k) { return rows[r * depth + k]; });
  }
  if (request.weights != nullptr) {
    for (std::size_t r = 0; r < count; ++r) {
      norms[r] = squared_norm(request.queries.data + (from + r) * depth, depth);
    }
  }
  alignas(64) float products[16 * 64];
  alignas(64) float similarities[64];
  const std::size_t panels = panels_of(block.rows, tile.cols);
  for (std::size_t group = 0; group < panels; group += kPanelsAtATime) {
    const std::size_t end = std::min(panels, group + kPanelsAtATime);
    for (std::size_t row_panel = 0; row_panel < row_panels; ++row_panel) {
      const std::size_t first = row_panel * tile.rows;
      const std::size_t rows = std::min(tile.rows, count - first);
      for (std::size_t panel = group; panel < end; ++panel) {
        const std::size_t column = panel * tile.cols;
        tile.multiply(packed.data() + first * depth, block.panels.data() + column * depth, depth, products, tile.cols,
                      false);
        const std::size_t width = std::min(tile.cols, block.rows - column);
        const std::uint64_t inside = width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
        for (std::size_t r = 0; r < rows; ++r) {
          const std::size_t query = from + first + r;
          const std::uint64_t found =
              set.above(products + r * tile.cols, block.gains.data() + column, block.offsets.data() + column,
                        block.weights.empty() ? nullptr : block.weights.data() + column, norms[first + r],
                        best.worst(query), similarities);
          if ((found & inside) != 0) best.offer(query, block.first + column, similarities, found & inside);
        }
      }
    }
  }
}

}  // namespace

void nearest_rows(const NearestRequest& request, std::int32_t* indices, ThreadPool& pool) {
  Best best(request, indices);
  const std::size_t queries = request.queries.rows;
  if (queries == 0) return;
  const std::size_t panel = tiles().f32.rows;
  // Enough blocks to share out evenly, large enough to use what was packed.
  const std::size_t shares = panels_of(queries, panel * pool.size() * 4);
  const std::size_t block_rows = panel * std::min(kQueryPanels, std::max<std::size_t>(1, shares));
  Block block;
  for (std::size_t first = 0; first < request.reference.rows; first += kReferenceBlock) {
    load_block(request, first, block, pool);
    pool.parallel_for(panels_of(queries, block_rows), [&](std::size_t at) {
      const std::size_t from = at * block_rows;
      search_block(request, block, from, std::min(block_rows, queries - from), best);
    });
  }
}

}  // namespace hazure
