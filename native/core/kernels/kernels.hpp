#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

// The inner loops, one set per instruction set level, chosen once at run time. Every set gives the same bits.
// This header is included by files compiled for AVX-512: it must define no inline function, or the linker
// might pick the AVX-512 copy of it for the whole program.
namespace hazure::kernels {

/** Rows of one strip in the antialiased path, and lanes of one group of pixels. */
inline constexpr int kStripRows = 16;
inline constexpr int kLanes = 16;
/** 32-bit words that hold the weights of four taps, whatever the encoding. */
inline constexpr int kWordsPerQuad = 4;
/** Fractional bits of antialiased weights (Pillow: 32 − 8 − 2) and of bilinear ones (OpenCV). */
inline constexpr int kAntialiasBits = 22;
inline constexpr int kBilinearBits = 11;

/** `out[c] = pixel[c] × multiply[c] + add[c]`; index = channel of the source (R, G, B), `out` already in model order. */
struct PlanarOutput {
  float* out[3];
  float multiply[3];
  float add[3];
};

/** Horizontal 2-tap table: `out[x] = row[offset] × weights[2x] + row[offset + 3] × weights[2x + 1]`, 11-bit weights. */
struct BilinearColumns {
  const std::int32_t* byte_offset;
  const std::int16_t* weights;
  int count;
};

/** Antialias table over groups of four taps; see resample_tables.hpp. */
struct QuadTaps {
  /** Counted from the start of the axis; the strip given to convolve_strip begins at `strip_begin`. */
  const std::int32_t* first_quad;
  const std::int32_t* quad_count;
  /** Of output i: words at `word_offset[i]`, kWordsPerQuad per quad. */
  const std::int32_t* word_offset;
  const std::int32_t* words;
  int strip_begin;
  int count;
};

/** Boxes kept by NMS, in linked chunks of columns. Unused places hold empty boxes far away. */
struct BoxChunk {
  static constexpr int kBoxes = 32;
  float x1[kBoxes];
  float y1[kBoxes];
  float x2[kBoxes];
  float y2[kBoxes];
  float area[kBoxes];
  std::int32_t used;
  std::int32_t next;  // index of the next chunk, −1 at the end
};

struct BoxQuery {
  float x1, y1, x2, y2, area, iou;
};

/** Best class of an anchor; `nan` (whole call) says that some score was NaN. */
struct ClassMax {
  float score;
  std::int32_t class_id;
};

struct KernelTable {
  const char* name;

  /** Interleaved RGB to three planes of normalised floats. `readable` bytes of `row` may be read. */
  void (*normalise_row)(const std::uint8_t* row, std::ptrdiff_t readable, int count, const PlanarOutput& planes);

  /** One source row to three int16 planes of `plane` elements (a multiple of 32), values `(sum of products) >> 4`. */
  void (*bilinear_row)(const std::uint8_t* row, std::ptrdiff_t readable, const BilinearColumns& columns,
                       std::int16_t* out, int plane);
  /** Two such rows, 11-bit weights, to normalised floats. */
  void (*bilinear_blend)(const std::int16_t* top, const std::int16_t* bottom, int top_weight, int bottom_weight,
                         int count, int plane, const PlanarOutput& planes);

  /** Four 22-bit weights into kWordsPerQuad words as the convolve kernels of this set want them. */
  void (*encode_quad)(const std::int32_t* weights, std::int32_t* words);
  /**
   * 16 source rows to `[quad][channel][row]` words of four neighbouring pixels of one channel. Pixels from
   * `columns` on are zero or whatever is readable; their weights are zero.
   */
  void (*gather_strip)(const std::uint8_t* const* rows, const std::ptrdiff_t* readable, int columns,
                       std::uint32_t* strip);
  /** Horizontal pass of a strip; `quad_rows[r]` gets `[channel][plane]` words of rows 4r…4r+3. */
  void (*convolve_strip)(const std::uint32_t* strip, const QuadTaps& taps, int plane,
                         std::uint32_t* const* quad_rows);
  /** Vertical pass of one output row over `quad_count` rows of words; `plane` a multiple of kLanes. */
  void (*convolve_column)(const std::uint32_t* const* quad_rows, int quad_count, const std::int32_t* words,
                          int count, int plane, const PlanarOutput& planes);

  /** Best class of `count` anchors whose class c scores lie at `scores + c × stride`; first class wins ties. */
  bool (*class_max_columns)(const float* scores, std::ptrdiff_t stride, int classes, int count, ClassMax* best);
  /** Best of `classes` neighbouring scores. Returns whether one was NaN. */
  bool (*class_max_row)(const float* scores, int classes, ClassMax* best);

  /** Whether some box in the chunk list from `head` has `intersection > iou × union` with the query. */
  bool (*any_overlap)(const BoxChunk* chunks, std::int32_t head, const BoxQuery& query);

  /** Sum of squares in double over 16 lanes, added up in a fixed order. */
  double (*sum_of_squares)(const float* values, std::size_t count);
  void (*scale_values)(float* values, std::size_t count, double factor);
};

/** The set for this processor, or the one forced. */
const KernelTable& active();

/** All sets that this processor can run, plainest first. */
std::span<const KernelTable* const> available();

/** Tests and benchmarks: use the set of this name from now on; false when it can't run here. */
bool force(std::string_view name);

extern const KernelTable kGeneric;
#if defined(HAZURE_X86_KERNELS)
extern const KernelTable kAvx2;
extern const KernelTable kAvx512;
extern const KernelTable kAvx512Vnni;
#endif

}  // namespace hazure::kernels
