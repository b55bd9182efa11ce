#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "hazure/preprocess.hpp"
#include "kernels/kernels.hpp"

namespace hazure {

// Tables keep their memory from build to build (after the largest one, building allocates nothing) and skip a
// build that would give what they hold already.

/** 2-tap weights of one axis as cv::resize INTER_LINEAR computes them for 8-bit images. */
class BilinearTable {
 public:
  /** OpenCV treats the ends of the two axes differently: columns drop a tap, rows read the edge twice. */
  enum class Axis { kColumns, kRows };

  /**
   * @param source_size   pixels to read from
   * @param resized_size  pixels of the whole resized axis
   * @param from          first of them that is wanted, and `count` how many
   */
  void build(Axis axis, int source_size, int resized_size, int from, int count);

  /** The two source pixels that output i reads. */
  [[nodiscard]] int first(int i) const { return first_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] int second(int i) const { return second_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] int weight(int i, int tap) const { return weights_[static_cast<std::size_t>(2 * i + tap)]; }
  /** For bilinear_row; columns only. On an axis of one pixel the second tap lies behind it, with weight 0. */
  [[nodiscard]] kernels::BilinearColumns columns() const {
    return {byte_offset_.data(), weights_.data(), static_cast<int>(first_.size())};
  }

 private:
  struct Key {
    Axis axis;
    int source_size, resized_size, from, count;
    friend bool operator==(const Key&, const Key&) = default;
  };
  std::optional<Key> built_;
  std::vector<std::int32_t> first_;
  std::vector<std::int32_t> second_;
  std::vector<std::int32_t> byte_offset_;
  std::vector<std::int16_t> weights_;
};

/** Antialias weights of one axis as Pillow's ImagingResample computes them, in groups of four taps. */
class AntialiasTable {
 public:
  void build(Interpolation interpolation, int source_size, int resized_size, int from, int count,
             const kernels::KernelTable& kernel);

  [[nodiscard]] kernels::QuadTaps taps() const {
    return {first_quad_.data(), quad_count_.data(), word_offset_.data(),
            words_.data(),      quads_begin_,       static_cast<int>(first_quad_.size())};
  }
  [[nodiscard]] int first_quad(int i) const { return first_quad_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] int quad_count(int i) const { return quad_count_[static_cast<std::size_t>(i)]; }
  [[nodiscard]] const std::int32_t* words(int i) const {
    return words_.data() + word_offset_[static_cast<std::size_t>(i)];
  }
  /** Quads [begin, end) that any output reads. */
  [[nodiscard]] int quads_begin() const { return quads_begin_; }
  [[nodiscard]] int quads_end() const { return quads_end_; }
  [[nodiscard]] int longest_quad_count() const { return longest_; }

 private:
  struct Key {
    Interpolation interpolation;
    int source_size, resized_size, from, count;
    const kernels::KernelTable* kernel;
    friend bool operator==(const Key&, const Key&) = default;
  };
  std::optional<Key> built_;
  std::vector<std::int32_t> first_quad_;
  std::vector<std::int32_t> quad_count_;
  std::vector<std::int32_t> word_offset_;
  std::vector<std::int32_t> words_;
  std::vector<double> taps_;
  std::vector<std::int32_t> fixed_;
  int quads_begin_ = 0;
  int quads_end_ = 0;
  int longest_ = 0;
};

}  // namespace hazure
