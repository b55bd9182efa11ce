#include <atomic>
#include <vector>

#include "hazure/matrix.hpp"
#include "matrix/tiles.hpp"

namespace hazure::matrix {
namespace {

/** Four values at a time, for the compiler to vectorise with what every processor of the kind has. */
template <typename T>
struct Four {
  using Value = T;
  struct Vector {
    T values[4];
  };
  static constexpr std::size_t kLanes = 4;
  static Vector load(const T* at) { return {{at[0], at[1], at[2], at[3]}}; }
  static void store(T* at, const Vector& value) {
    for (std::size_t i = 0; i < 4; ++i) at[i] = value.values[i];
  }
  static Vector broadcast(const T* at) { return {{*at, *at, *at, *at}}; }
  static Vector zero() { return {{0, 0, 0, 0}}; }
  static Vector multiply_add(const Vector& a, const Vector& b, const Vector& c) {
    Vector result;
    for (std::size_t i = 0; i < 4; ++i) result.values[i] = a.values[i] * b.values[i] + c.values[i];
    return result;
  }
};

#include "matrix/tiles.inl"

std::uint64_t above(const float* products, const float* gains, const float* offsets, const float* weights, float norm,
                    float worst, float* similarities) {
  std::uint64_t found = 0;
  for (std::size_t j = 0; j < 8; ++j) {
    double value = static_cast<float>(static_cast<double>(products[j]) * gains[j] - offsets[j]);
    if (weights != nullptr) value -= static_cast<double>(norm) * weights[j];
    similarities[j] = static_cast<float>(value);
    if (similarities[j] > worst) found |= std::uint64_t{1} << j;
  }
  return found;
}

const std::vector<const TileSet*>& runnable() {
  static const std::vector<const TileSet*> sets = [] {
    std::vector<const TileSet*> found{&kGenericTiles};
#if defined(HAZURE_X86_KERNELS)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      found.push_back(&kAvx2Tiles);
      if (__builtin_cpu_supports("avx512f")) found.push_back(&kAvx512Tiles);
    }
#endif
    return found;
  }();
  return sets;
}

std::atomic<const TileSet*>& chosen() {
  static std::atomic<const TileSet*> set{runnable().back()};
  return set;
}

}  // namespace

const TileSet kGenericTiles{"generic", {4, 8, multiply_tile<Four<float>, 4, 2>}, {4, 8, multiply_tile<Four<double>, 4, 2>},
                            above};

const TileSet& tiles() { return *chosen().load(std::memory_order_relaxed); }

}  // namespace hazure::matrix

namespace hazure {

std::string_view matrix_isa() { return matrix::tiles().name; }

bool force_matrix_isa(std::string_view name) {
  for (const matrix::TileSet* set : matrix::runnable()) {
    if (name == set->name) {
      matrix::chosen().store(set, std::memory_order_relaxed);
      return true;
    }
  }
  return false;
}

}  // namespace hazure
