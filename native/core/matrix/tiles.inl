// One tile of a product for any vector type; included by one file per instruction set, in its anonymous namespace.
// `Lanes` gives: Value, Vector, kLanes, load, store, broadcast, multiply_add (a·b + c), zero.

template <typename Lanes, std::size_t kRows, std::size_t kVectors>
void multiply_tile(const typename Lanes::Value* a, const typename Lanes::Value* b, std::size_t depth,
                   typename Lanes::Value* c, std::size_t stride, bool add) {
  using Vector = typename Lanes::Vector;
  Vector sums[kRows][kVectors];
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) {
      sums[r][v] = add ? Lanes::load(c + r * stride + v * Lanes::kLanes) : Lanes::zero();
    }
  }
  for (std::size_t k = 0; k < depth; ++k) {
    Vector columns[kVectors];
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) columns[v] = Lanes::load(b + v * Lanes::kLanes);
#pragma GCC unroll 16
    for (std::size_t r = 0; r < kRows; ++r) {
      const Vector row = Lanes::broadcast(a + r);
#pragma GCC unroll 4
      for (std::size_t v = 0; v < kVectors; ++v) sums[r][v] = Lanes::multiply_add(row, columns[v], sums[r][v]);
    }
    a += kRows;
    b += kVectors * Lanes::kLanes;
  }
#pragma GCC unroll 16
  for (std::size_t r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (std::size_t v = 0; v < kVectors; ++v) Lanes::store(c + r * stride + v * Lanes::kLanes, sums[r][v]);
  }
}
