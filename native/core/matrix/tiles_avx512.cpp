#include <immintrin.h>

#include "matrix/tiles.hpp"

namespace hazure::matrix {
namespace {

struct Floats {
  using Value = float;
  using Vector = __m512;
  static constexpr std::size_t kLanes = 16;
  static Vector load(const float* at) { return _mm512_loadu_ps(at); }
  static void store(float* at, Vector value) { _mm512_storeu_ps(at, value); }
  static Vector broadcast(const float* at) { return _mm512_set1_ps(*at); }
  static Vector zero() { return _mm512_setzero_ps(); }
  static Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
};

struct Doubles {
  using Value = double;
  using Vector = __m512d;
  static constexpr std::size_t kLanes = 8;
  static Vector load(const double* at) { return _mm512_loadu_pd(at); }
  static void store(double* at, Vector value) { _mm512_storeu_pd(at, value); }
  static Vector broadcast(const double* at) { return _mm512_set1_pd(*at); }
  static Vector zero() { return _mm512_setzero_pd(); }
  static Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_pd(a, b, c); }
};

#include "matrix/tiles.inl"

std::uint64_t above(const float* products, const float* gains, const float* offsets, const float* weights, float norm,
                    float worst, float* similarities) {
  const __m512 limit = _mm512_set1_ps(worst);
  const __m512 norms = _mm512_set1_ps(norm);
  std::uint64_t found = 0;
  for (std::size_t v = 0; v < 2; ++v) {
    const std::size_t at = v * 16;
    __m512 value = _mm512_fmsub_ps(_mm512_loadu_ps(products + at), _mm512_loadu_ps(gains + at),
                                   _mm512_loadu_ps(offsets + at));
    if (weights != nullptr) value = _mm512_fnmadd_ps(norms, _mm512_loadu_ps(weights + at), value);
    _mm512_storeu_ps(similarities + at, value);
    found |= static_cast<std::uint64_t>(_mm512_cmp_ps_mask(value, limit, _CMP_GT_OQ)) << at;
  }
  return found;
}

}  // namespace

// 24 sums, two vectors of B and a broadcast stay in the 32 registers.
const TileSet kAvx512Tiles{"avx512", {12, 32, multiply_tile<Floats, 12, 2>}, {12, 16, multiply_tile<Doubles, 12, 2>},
                           above};

}  // namespace hazure::matrix
