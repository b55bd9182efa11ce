#include <immintrin.h>

#include "matrix/tiles.hpp"

namespace hazure::matrix {
namespace {

struct Floats {
  using Value = float;
  using Vector = __m256;
  static constexpr std::size_t kLanes = 8;
  static Vector load(const float* at) { return _mm256_loadu_ps(at); }
  static void store(float* at, Vector value) { _mm256_storeu_ps(at, value); }
  static Vector broadcast(const float* at) { return _mm256_broadcast_ss(at); }
  static Vector zero() { return _mm256_setzero_ps(); }
  static Vector multiply_add(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
};

struct Doubles {
  using Value = double;
  using Vector = __m256d;
  static constexpr std::size_t kLanes = 4;
  static Vector load(const double* at) { return _mm256_loadu_pd(at); }
  static void store(double* at, Vector value) { _mm256_storeu_pd(at, value); }
  static Vector broadcast(const double* at) { return _mm256_broadcast_sd(at); }
  static Vector zero() { return _mm256_setzero_pd(); }
  static Vector multiply_add(Vector a, Vector b, Vector c) { return _mm256_fmadd_pd(a, b, c); }
};

#include "matrix/tiles.inl"

std::uint64_t above(const float* products, const float* gains, const float* offsets, const float* weights, float norm,
                    float worst, float* similarities) {
  const __m256 limit = _mm256_set1_ps(worst);
  const __m256 norms = _mm256_set1_ps(norm);
  std::uint64_t found = 0;
  for (std::size_t v = 0; v < 2; ++v) {
    const std::size_t at = v * 8;
    __m256 value = _mm256_fmsub_ps(_mm256_loadu_ps(products + at), _mm256_loadu_ps(gains + at),
                                   _mm256_loadu_ps(offsets + at));
    if (weights != nullptr) value = _mm256_fnmadd_ps(norms, _mm256_loadu_ps(weights + at), value);
    _mm256_storeu_ps(similarities + at, value);
    const int mask = _mm256_movemask_ps(_mm256_cmp_ps(value, limit, _CMP_GT_OQ));
    found |= static_cast<std::uint64_t>(static_cast<unsigned>(mask)) << at;
  }
  return found;
}

}  // namespace

// 12 sums, two vectors of B and a broadcast stay in the 16 registers.
const TileSet kAvx2Tiles{"avx2", {6, 16, multiply_tile<Floats, 6, 2>}, {6, 8, multiply_tile<Doubles, 6, 2>}, above};

}  // namespace hazure::matrix
