#pragma once

#include "hazure/preprocess.hpp"

namespace hazure {

/** How one rectangle is resized and laid into the model input. All in pixels. */
struct Layout {
  /** Size of the whole rectangle after resizing. */
  int resized_width = 0;
  int resized_height = 0;
  /** Where in the resized picture the visible part begins (above 0 only for kCentreCrop). */
  int crop_x = 0;
  int crop_y = 0;
  /** Where in the model input the visible part lies; the rest is padding. */
  int left = 0;
  int top = 0;
  int visible_width = 0;
  int visible_height = 0;
};

/** @throws Error(kInput) for what preprocess_batch refuses in a spec */
void check_spec(const PreprocessSpec& spec);

/** The spec must have been checked. */
Layout layout_of(int width_px, int height_px, const PreprocessSpec& spec);

/** `out = pixel × multiply + add`, for channel c of the model's order. */
struct Affine {
  float multiply = 1;
  float add = 0;
};
Affine normalisation_of(const PreprocessSpec& spec, int channel);

Placement placement_from(const Layout& layout, const PixelRect& rect);

}  // namespace hazure
