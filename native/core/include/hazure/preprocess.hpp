#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "hazure/image.hpp"
#include "hazure/thread_pool.hpp"

namespace hazure {

enum class FitMode {
  kLetterboxCentre,   // ultralytics: keep the aspect ratio, centre, pad both sides
  kLetterboxTopLeft,  // YOLOX: keep the aspect ratio, pad right and bottom
  kStretch,           // ignore the aspect ratio
  kCentreCrop,        // torchvision: Resize(shortest side), then CenterCrop
};

enum class Interpolation {
  kBilinear,           // 2×2, half-pixel centres; bit for bit cv::resize INTER_LINEAR on 8-bit images
  kBilinearAntialias,  // bit for bit PIL.Image.resize BILINEAR
  kBicubicAntialias,   // bit for bit PIL.Image.resize BICUBIC (a = −0.5)
};

enum class ChannelOrder { kRgb, kBgr };

/**
 * From 8-bit HWC RGB pixels to a float NCHW tensor: `(pixel × scale − mean[c]) ÷ std[c]`, c counting in
 * `channel_order`. Resized pixels are rounded to 8 bits first, as OpenCV and Pillow do.
 */
struct PreprocessSpec {
  int width_px = 0;
  int height_px = 0;
  FitMode fit = FitMode::kLetterboxCentre;
  /** kCentreCrop only: the shortest side after resizing; at least max(width, height). 0 means exactly that. */
  int resize_shortest_px = 0;
  ChannelOrder channel_order = ChannelOrder::kRgb;
  Interpolation interpolation = Interpolation::kBilinear;
  float scale = 1.0F / 255.0F;
  std::array<float, 3> mean{0, 0, 0};
  std::array<float, 3> std{1, 1, 1};
  /** 0…255, what a letterbox leaves free, before scale, mean and std. */
  float pad_value = 114;
};

/** `model = source × scale + offset` per axis; source means pixels of the whole source image, also for a region. */
struct Placement {
  double scale_x = 1;
  double scale_y = 1;
  double offset_x = 0;
  double offset_y = 0;
};

/** Floats that one region fills: 3 × height × width. */
std::size_t preprocessed_floats(const PreprocessSpec& spec);

/**
 * Where a rectangle of a source image comes to lie in the model input, without touching pixels.
 * @throws Error(kInput) for a bad spec (see preprocess_batch) or an empty rectangle
 */
Placement placement_of(const PixelRect& rect, const PreprocessSpec& spec);

/**
 * Crops, resizes, pads, normalises and transposes a batch, straight from the source pixels, no copies.
 *
 * @param regions     N parts of images (any sizes)
 * @param spec        what the model wants
 * @param out         N × 3 × height × width floats, NCHW, all written
 * @param placements  N entries, or null when not wanted
 * @param pool        its threads share the work; the result does not depend on how many there are
 * @throws Error(kInput) for an output side outside 1…kMaxSidePx, std of 0 or non-finite numbers, a pad value
 *         outside 0…255, a shortest side smaller than the crop, a bad region (see region_rect), null out
 */
void preprocess_batch(std::span<const Region> regions, const PreprocessSpec& spec, float* out,
                      Placement* placements, ThreadPool& pool);

/**
 * The same definition, written plainly and slowly; what tests, and the CUDA twins, are held against.
 * Interpolation in the fixed-point arithmetic of the libraries named at `Interpolation`.
 */
void preprocess_reference(const Region& region, const PreprocessSpec& spec, float* out, Placement* placement);

}  // namespace hazure
