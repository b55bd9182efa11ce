#include "check.hpp"
#include "hazure/preprocess.hpp"
#include "picture.hpp"
#include "preprocess/placement.hpp"

using namespace hazure;

namespace {

PreprocessSpec spec_of(FitMode fit, int width, int height, int shortest = 0) {
  PreprocessSpec spec;
  spec.fit = fit;
  spec.width_px = width;
  spec.height_px = height;
  spec.resize_shortest_px = shortest;
  return spec;
}

}  // namespace

TEST(placement, letterbox_centre_splits_an_odd_pixel_as_ultralytics_does) {
  // 427 rows become 427, 213 are free: 106 above, 107 below.
  const Layout layout = layout_of(640, 427, spec_of(FitMode::kLetterboxCentre, 640, 640));
  CHECK_EQ(layout.resized_width, 640);
  CHECK_EQ(layout.resized_height, 427);
  CHECK_EQ(layout.top, 106);
  CHECK_EQ(layout.left, 0);
}

TEST(placement, letterbox_top_left_cuts_sizes_off) {
  const Layout layout = layout_of(333, 517, spec_of(FitMode::kLetterboxTopLeft, 416, 416));
  CHECK_EQ(layout.resized_width, 267);  // 267.94…
  CHECK_EQ(layout.resized_height, 416);
  CHECK_EQ(layout.left + layout.top, 0);
}

TEST(placement, centre_crop_follows_torchvision) {
  const Layout layout = layout_of(613, 409, spec_of(FitMode::kCentreCrop, 224, 224, 256));
  CHECK_EQ(layout.resized_height, 256);
  CHECK_EQ(layout.resized_width, 383);  // 383.69… cut off
  CHECK_EQ(layout.crop_x, 80);          // 79.5 to the even neighbour
  CHECK_EQ(layout.crop_y, 16);
}

TEST(placement, a_sliver_keeps_one_pixel) {
  const Layout layout = layout_of(5000, 1, spec_of(FitMode::kLetterboxCentre, 640, 640));
  CHECK_EQ(layout.resized_height, 1);
}

TEST(placement, maps_corners_of_a_region_into_the_visible_part) {
  testing::Random random(3);
  for (int round = 0; round < 500; ++round) {
    const int x1 = random.integer(0, 500);
    const int y1 = random.integer(0, 500);
    const PixelRect rect{x1, y1, x1 + random.integer(1, 900), y1 + random.integer(1, 900)};
    const PreprocessSpec spec =
        spec_of(static_cast<FitMode>(random.integer(0, 3)), random.integer(1, 700), random.integer(1, 700));
    const Layout layout = layout_of(rect.width(), rect.height(), spec);
    const Placement placement = placement_of(rect, spec);
    CHECK_NEAR(rect.x1 * placement.scale_x + placement.offset_x, layout.left - layout.crop_x, 1e-6);
    CHECK_NEAR(rect.x2 * placement.scale_x + placement.offset_x,
               layout.left - layout.crop_x + layout.resized_width, 1e-6);
    CHECK_NEAR(rect.y2 * placement.scale_y + placement.offset_y, layout.top - layout.crop_y + layout.resized_height,
               1e-6);
    // The visible part lies inside the input and inside the resized picture.
    CHECK(layout.left >= 0 && layout.left + layout.visible_width <= spec.width_px);
    CHECK(layout.top >= 0 && layout.top + layout.visible_height <= spec.height_px);
    CHECK(layout.crop_x >= 0 && layout.crop_x + layout.visible_width <= layout.resized_width, "round ", round);
    CHECK(layout.crop_y >= 0 && layout.crop_y + layout.visible_height <= layout.resized_height, "round ", round);
  }
}

TEST(placement, boxes_round_outwards_and_are_clipped) {
  const testing::Picture picture = testing::make_picture("ramp", 20, 10, 1);
  const auto rect = [&](PixelBox box) { return region_rect({picture.view(), box}); };
  CHECK(rect({1.2, 2.9, 5.1, 6.0}) == (PixelRect{1, 2, 6, 6}));
  CHECK(rect({-7, -0.5, 5, 99}) == (PixelRect{0, 0, 5, 10}));
  CHECK(rect({19.5, 9.5, 19.6, 9.6}) == (PixelRect{19, 9, 20, 10}));
  CHECK(rect({-1e300, -1e300, 1e300, 1e300}) == (PixelRect{0, 0, 20, 10}));
  CHECK(region_rect({picture.view(), std::nullopt}) == (PixelRect{0, 0, 20, 10}));
}
