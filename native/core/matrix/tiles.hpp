#pragma once

#include <cstddef>
#include <cstdint>

namespace hazure::matrix {

/**
 * What differs between instruction sets: one tile of a product, from packed panels (Goto & van de Geijn, Anatomy of
 * High-Performance Matrix Multiplication, 2008). A panel of `rows` holds its rows column by column:
 * `depth × rows` values.
 */
template <typename T>
struct TileKernel {
  std::size_t rows;  // of an A panel
  std::size_t cols;  // of a B panel
  /** c (rows × cols, `stride` apart) = A·Bᵀ, or += with `add`. */
  void (*multiply)(const T* a, const T* b, std::size_t depth, T* c, std::size_t stride, bool add);
};

struct TileSet {
  const char* name;
  TileKernel<float> f32;
  TileKernel<double> f64;
  /**
   * Similarities products·gains − offsets − norm·weights of f32.cols reference rows with one query; bit j of the
   * result tells that similarity j is above `worst`. weights may be null.
   */
  std::uint64_t (*above)(const float* products, const float* gains, const float* offsets, const float* weights,
                         float norm, float worst, float* similarities);
};

extern const TileSet kGenericTiles;
#if defined(HAZURE_X86_KERNELS)
extern const TileSet kAvx2Tiles;
extern const TileSet kAvx512Tiles;
#endif

/** The best set that this machine can run, or the one forced. */
const TileSet& tiles();

}  // namespace hazure::matrix
