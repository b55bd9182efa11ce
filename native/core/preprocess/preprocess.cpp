#include "hazure/preprocess.hpp"

#include <algorithm>
#include <vector>

#include "preprocess/aligned_buffer.hpp"
#include "hazure/error.hpp"
#include "kernels/kernels.hpp"
#include "preprocess/placement.hpp"
#include "preprocess/resample_tables.hpp"

namespace hazure {
namespace {

/** A region ready to be read: validated, rounded and laid out. */
struct Job {
  const std::uint8_t* pixels = nullptr;  // first pixel of the rectangle
  const std::uint8_t* end = nullptr;     // behind the last readable byte of the image
  std::ptrdiff_t stride = 0;
  int width = 0;
  int height = 0;
  Layout layout;

  [[nodiscard]] const std::uint8_t* row(int y) const { return pixels + y * stride; }
};

/** What a thread keeps from call to call. */
struct Scratch {
  BilinearTable bilinear_columns;
  BilinearTable bilinear_rows;
  AntialiasTable antialias_columns;
  AntialiasTable antialias_rows;
  AlignedBuffer<std::int16_t> row_cache;
  AlignedBuffer<std::uint32_t> strip;
  AlignedBuffer<std::uint32_t> ring;
  std::vector<const std::uint32_t*> quad_rows;
};

Scratch& scratch() {
  thread_local Scratch memory;
  return memory;
}

/** The planes of one image in the output tensor, and how pixels become their values. */
class Target {
 public:
  Target(const PreprocessSpec& spec, float* out) : width_(spec.width_px) {
    const std::size_t plane = static_cast<std::size_t>(spec.width_px) * static_cast<std::size_t>(spec.height_px);
    for (int source = 0; source < 3; ++source) {
      const int channel = spec.channel_order == ChannelOrder::kRgb ? source : 2 - source;
      const Affine affine = normalisation_of(spec, channel);
      planes_.out[source] = out + static_cast<std::size_t>(channel) * plane;
      planes_.multiply[source] = affine.multiply;
      planes_.add[source] = affine.add;
      padding_[source] = spec.pad_value * affine.multiply + affine.add;
    }
  }

  [[nodiscard]] kernels::PlanarOutput at(int x, int y) const {
    kernels::PlanarOutput moved = planes_;
    for (float*& out : moved.out) out += static_cast<std::ptrdiff_t>(y) * width_ + x;
    return moved;
  }

  void pad_rows(int from, int to) const {
    if (from >= to) return;
    const kernels::PlanarOutput planes = at(0, from);
    for (int c = 0; c < 3; ++c) std::fill_n(planes.out[c], std::ptrdiff_t{to - from} * width_, padding_[c]);
  }

  void pad_columns(int y, int from, int to) const {
    if (from >= to) return;
    const kernels::PlanarOutput planes = at(from, y);
    for (int c = 0; c < 3; ++c) std::fill_n(planes.out[c], to - from, padding_[c]);
  }

 private:
  kernels::PlanarOutput planes_{};
  float padding_[3]{};
  int width_;
};

constexpr int kStripQuads = kernels::kStripRows / 4;

/** Rows [from, to) of the visible part, counted from its top. */
struct Band {
  int from = 0;
  int to = 0;
};

void copy_band(const Job& job, Band band, const Target& target, const kernels::KernelTable& kernel) {
  const Layout& layout = job.layout;
  for (int y = band.from; y < band.to; ++y) {
    const std::uint8_t* row = job.row(layout.crop_y + y) + 3 * layout.crop_x;
    kernel.normalise_row(row, job.end - row, layout.visible_width, target.at(layout.left, layout.top + y));
  }
}

void bilinear_band(const Job& job, Band band, const Target& target, const kernels::KernelTable& kernel) {
  const Layout& layout = job.layout;
  Scratch& memory = scratch();
  BilinearTable& columns = memory.bilinear_columns;
  BilinearTable& rows = memory.bilinear_rows;
  columns.build(BilinearTable::Axis::kColumns, job.width, layout.resized_width, layout.crop_x, layout.visible_width);
  rows.build(BilinearTable::Axis::kRows, job.height, layout.resized_height, layout.crop_y + band.from,
             band.to - band.from);

  // The two source rows in use, resized horizontally; most output rows share them with the row before.
  const int plane = round_up(layout.visible_width, 32);
  std::int16_t* cache = memory.row_cache.reserve(std::size_t{2} * 3 * static_cast<std::size_t>(plane));
  std::int16_t* slot[2] = {cache, cache + std::ptrdiff_t{3} * plane};
  int held[2] = {-1, -1};
  const auto fetch = [&](int y, int spare) {
    const std::uint8_t* row = job.row(y);
    std::uint8_t pair[6];  // an axis of one pixel still reads two
    const bool single = job.width == 1;
    if (single) {
      for (int i = 0; i < 6; ++i) pair[i] = row[i % 3];
    }
    const std::uint8_t* pixels = single ? pair : row;
    kernel.bilinear_row(pixels, single ? 6 : job.end - row, columns.columns(), slot[spare], plane);
    held[spare] = y;
  };
  const auto slot_of = [&](int y) { return held[0] == y ? 0 : (held[1] == y ? 1 : -1); };

  for (int y = band.from; y < band.to; ++y) {
    const int first = rows.first(y - band.from);
    const int second = rows.second(y - band.from);
    int top = slot_of(first);
    int bottom = slot_of(second);
    if (top < 0) {
      top = bottom == 0 ? 1 : 0;
      fetch(first, top);
      if (first == second) bottom = top;
    }
    if (bottom < 0) {
      bottom = 1 - top;
      fetch(second, bottom);
    }
    kernel.bilinear_blend(slot[top], slot[bottom], rows.weight(y - band.from, 0), rows.weight(y - band.from, 1),
                          layout.visible_width, plane, target.at(layout.left, layout.top + y));
  }
}

/** Visible columns [from, from + count) of a band. */
void antialias_columns(const Job& job, Band band, int from, int count, Interpolation interpolation,
                       const Target& target, const kernels::KernelTable& kernel) {
  const Layout& layout = job.layout;
  Scratch& memory = scratch();
  AntialiasTable& columns = memory.antialias_columns;
  const AntialiasTable& rows = memory.antialias_rows;
  columns.build(interpolation, job.width, layout.resized_width, layout.crop_x + from, count, kernel);

  // Horizontally resized rows live in a ring of groups of four rows, just long enough for one output row.
  const int plane = round_up(count, kernels::kLanes);
  const int capacity = rows.longest_quad_count() + kStripQuads;
  std::uint32_t* ring = memory.ring.reserve(static_cast<std::size_t>(capacity) * 3 * static_cast<std::size_t>(plane));
  const auto ring_row = [&](int quad) { return ring + std::ptrdiff_t{quad % capacity} * 3 * plane; };

  const int first_column = 4 * columns.quads_begin();
  const int strip_columns = std::min(4 * columns.quads_end(), job.width) - first_column;
  std::uint32_t* strip = memory.strip.reserve(static_cast<std::size_t>((strip_columns + 3) / 4) * 3 * kernels::kStripRows);
  memory.quad_rows.resize(static_cast<std::size_t>(rows.longest_quad_count()));

  int next_quad = rows.quads_begin();
  const auto resize_strip = [&] {
    const std::uint8_t* source[kernels::kStripRows];
    std::ptrdiff_t readable[kernels::kStripRows];
    for (int r = 0; r < kernels::kStripRows; ++r) {
      source[r] = job.row(std::min(4 * next_quad + r, job.height - 1)) + 3 * first_column;
      readable[r] = job.end - source[r];
    }
    std::uint32_t* quad_rows[kStripQuads];
    for (int q = 0; q < kStripQuads; ++q) quad_rows[q] = ring_row(next_quad + q);
    kernel.gather_strip(source, readable, strip_columns, strip);
    kernel.convolve_strip(strip, columns.taps(), plane, quad_rows);
    next_quad += kStripQuads;
  };

  for (int y = band.from; y < band.to; ++y) {
    const int first = rows.first_quad(y - band.from);
    const int quads = rows.quad_count(y - band.from);
    while (next_quad < first + quads) resize_strip();
    for (int q = 0; q < quads; ++q) memory.quad_rows[static_cast<std::size_t>(q)] = ring_row(first + q);
    kernel.convolve_column(memory.quad_rows.data(), quads, rows.words(y - band.from), count, plane,
                           target.at(layout.left + from, layout.top + y));
  }
}

void antialias_band(const Job& job, Band band, Interpolation interpolation, const Target& target,
                    const kernels::KernelTable& kernel) {
  const Layout& layout = job.layout;
  AntialiasTable& rows = scratch().antialias_rows;
  rows.build(interpolation, job.height, layout.resized_height, layout.crop_y + band.from, band.to - band.from,
             kernel);
  // The ring holds as many rows as one output row reads. Where those are tens of thousands, a column of pixels shrunk to
  // a line, all columns at once would take gigabytes: then some at a time.
  constexpr std::size_t kMostRingBytes = std::size_t{64} << 20;
  const std::size_t column_bytes =
      std::size_t{3} * sizeof(std::uint32_t) * static_cast<std::size_t>(rows.longest_quad_count() + kStripQuads);
  const int most = std::max<int>(kernels::kLanes, static_cast<int>(std::min<std::size_t>(
                                                      kMostRingBytes / column_bytes, std::size_t{kMaxSidePx})) /
                                                      kernels::kLanes * kernels::kLanes);
  for (int from = 0; from < layout.visible_width; from += most) {
    antialias_columns(job, band, from, std::min(most, layout.visible_width - from), interpolation, target, kernel);
  }
}

/** Output rows [from, to) of one image: padding around, pixels within. */
void fill_rows(const Job& job, const PreprocessSpec& spec, int from, int to, float* out) {
  const kernels::KernelTable& kernel = kernels::active();
  const Layout& layout = job.layout;
  const Target target(spec, out);
  const int bottom = layout.top + layout.visible_height;
  target.pad_rows(from, std::min(to, layout.top));
  target.pad_rows(std::max(from, bottom), to);
  const Band band{std::max(from, layout.top) - layout.top, std::min(to, bottom) - layout.top};
  if (band.from >= band.to) return;

  for (int y = band.from; y < band.to; ++y) {
    target.pad_columns(layout.top + y, 0, layout.left);
    target.pad_columns(layout.top + y, layout.left + layout.visible_width, spec.width_px);
  }
  if (layout.resized_width == job.width && layout.resized_height == job.height) {
    copy_band(job, band, target, kernel);
  } else if (spec.interpolation == Interpolation::kBilinear) {
    bilinear_band(job, band, target, kernel);
  } else {
    antialias_band(job, band, spec.interpolation, target, kernel);
  }
}

Job prepare(const Region& region, const PixelRect& rect, const PreprocessSpec& spec) {
  const ImageView& image = region.image;
  Job job;
  job.stride = image.stride();
  job.pixels = image.data + rect.y1 * job.stride + std::ptrdiff_t{3} * rect.x1;
  job.end = image.data + (image.height_px - 1) * job.stride + std::ptrdiff_t{3} * image.width_px;
  job.width = rect.width();
  job.height = rect.height();
  job.layout = layout_of(job.width, job.height, spec);
  return job;
}

/** Enough pieces to keep all threads busy to the end, none so thin that its tables and edges cost more than it. */
int bands_per_region(std::size_t regions, std::size_t threads, int height) {
  constexpr std::size_t kPiecesPerThread = 4;
  constexpr int kThinnestBand = 48;
  if (threads <= 1) return 1;
  const std::size_t wanted = (kPiecesPerThread * threads + regions - 1) / regions;
  return std::clamp(static_cast<int>(std::min<std::size_t>(wanted, 4096)), 1, std::max(1, height / kThinnestBand));
}

}  // namespace

void preprocess_batch(std::span<const Region> regions, const PreprocessSpec& spec, float* out, Placement* placements,
                      ThreadPool& pool) {
  const std::size_t image_floats = preprocessed_floats(spec);
  if (regions.empty()) return;
  if (out == nullptr) {
    throw Error(ErrorKind::kInput, "preprocessing needs an output buffer, came null",
                "Allocate regions × 3 × height × width floats.");
  }
  // Refuse everything before the first pixel is written.
  thread_local std::vector<Job> jobs;
  jobs.clear();
  jobs.reserve(regions.size());
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const PixelRect rect = region_rect(regions[i]);
    jobs.push_back(prepare(regions[i], rect, spec));
    if (placements != nullptr) placements[i] = placement_from(jobs.back().layout, rect);
  }

  const int bands = bands_per_region(regions.size(), pool.size(), spec.height_px);
  const Job* const all = jobs.data();
  pool.parallel_for(regions.size() * static_cast<std::size_t>(bands), [&](std::size_t index) {
    const std::size_t image = index / static_cast<std::size_t>(bands);
    const int band = static_cast<int>(index % static_cast<std::size_t>(bands));
    const int from = static_cast<int>(std::int64_t{spec.height_px} * band / bands);
    const int to = static_cast<int>(std::int64_t{spec.height_px} * (band + 1) / bands);
    fill_rows(all[image], spec, from, to, out + image * image_floats);
  });
}

}  // namespace hazure
