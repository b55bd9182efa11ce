#include "hazure/preprocess.hpp"

#include <algorithm>
#include <memory>

#include "check.hpp"
#include "picture.hpp"

using namespace hazure;

namespace {

PreprocessSpec random_spec(testing::Random& random) {
  PreprocessSpec spec;
  spec.width_px = random.integer(1, 90);
  spec.height_px = random.integer(1, 90);
  spec.fit = static_cast<FitMode>(random.integer(0, 3));
  spec.interpolation = static_cast<Interpolation>(random.integer(0, 2));
  spec.channel_order = static_cast<ChannelOrder>(random.integer(0, 1));
  if (spec.fit == FitMode::kCentreCrop) {
    spec.resize_shortest_px = random.integer(0, 1) * (std::max(spec.width_px, spec.height_px) + random.integer(0, 20));
  }
  spec.scale = static_cast<float>(random.real(0.001, 1.0));
  for (int c = 0; c < 3; ++c) {
    spec.mean[static_cast<std::size_t>(c)] = static_cast<float>(random.real(-1, 130));
    spec.std[static_cast<std::size_t>(c)] = static_cast<float>(random.real(0.1, 60));
  }
  spec.pad_value = static_cast<float>(random.integer(0, 255));
  return spec;
}

Region random_region(testing::Random& random, const testing::Picture& picture) {
  if (random.integer(0, 3) == 0) return {picture.view(), std::nullopt};
  const double x1 = random.real(-5, picture.width - 1);
  const double y1 = random.real(-5, picture.height - 1);
  return {picture.view(), PixelBox{x1, y1, std::max(x1, 0.0) + random.real(0.5, picture.width + 5),
                                   std::max(y1, 0.0) + random.real(0.5, picture.height + 5)}};
}

double triangle(double x) { return std::max(0.0, 1.0 - std::abs(x)); }
double cubic(double x) {
  x = std::abs(x);
  if (x < 1) return 1.5 * x * x * x - 2.5 * x * x + 1;
  if (x < 2) return -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2;
  return 0;
}

/** One axis position as weights over source pixels, in plain double arithmetic. */
std::vector<double> ideal_weights(Interpolation interpolation, int source, int size, int i) {
  const double scale = double(source) / size;
  const double centre = (i + 0.5) * scale - 0.5;
  std::vector<double> weights(static_cast<std::size_t>(source), 0.0);
  double total = 0;
  if (interpolation == Interpolation::kBilinear) {
    const double clamped = std::clamp(centre, 0.0, source - 1.0);
    for (int p = 0; p < source; ++p) total += weights[static_cast<std::size_t>(p)] = triangle(p - clamped);
  } else {
    const double stretch = std::max(1.0, scale);
    for (int p = 0; p < source; ++p) {
      const double distance = (p - centre) / stretch;
      total += weights[static_cast<std::size_t>(p)] =
          interpolation == Interpolation::kBicubicAntialias ? cubic(distance) : triangle(distance);
    }
  }
  for (double& weight : weights) weight /= total;
  return weights;
}

}  // namespace

TEST(preprocess, equals_the_reference_bit_for_bit_on_random_regions) {
  ThreadPool pool(2);
  testing::for_each_kernel_set([&](const std::string& isa) {
    testing::Random random(11);
    for (int round = 0; round < 150; ++round) {
      const PreprocessSpec spec = random_spec(random);
      std::vector<testing::Picture> pictures;
      std::vector<Region> regions;
      const int batch = random.integer(1, 4);
      for (int i = 0; i < batch; ++i) {
        pictures.push_back(testing::make_picture("noise", random.integer(1, 150), random.integer(1, 150), 1U + static_cast<std::uint32_t>(round)));
      }
      for (const testing::Picture& picture : pictures) regions.push_back(random_region(random, picture));

      const std::size_t image = preprocessed_floats(spec);
      std::vector<float> out(image * regions.size(), -1e9F);
      std::vector<Placement> placements(regions.size());
      preprocess_batch(regions, spec, out.data(), placements.data(), pool);
      std::vector<float> expected(image);
      for (std::size_t i = 0; i < regions.size(); ++i) {
        Placement placement;
        preprocess_reference(regions[i], spec, expected.data(), &placement);
        CHECK_EQ(placements[i].offset_x, placement.offset_x);
        for (std::size_t f = 0; f < image; ++f) {
          CHECK_EQ(out[i * image + f], expected[f], "with ", isa, ", round ", round, ", region ", i, ", float ", f);
        }
      }
    }
  });
}

TEST(preprocess, sums_of_any_number_of_taps_stay_exact_on_the_brightest_pixels) {
  // Kernel sets keep partial sums in few bits. White, and white in stripes that only some taps see, fill them most.
  ThreadPool pool(1);
  std::vector<int> sources;
  for (int source = 2; source <= 320; source += source < 40 ? 1 : 7) sources.push_back(source);
  sources.insert(sources.end(), {512, 777, 1024, 1500, 2048, 4001});
  testing::for_each_kernel_set([&](const std::string& isa) {
    for (const int source : sources) {
      for (const int period : {1, 2, 4, 8}) {
        testing::Picture picture{source, 3, std::vector<std::uint8_t>(static_cast<std::size_t>(source) * 9, 0)};
        for (std::size_t i = 0; i < picture.pixels.size(); ++i) {
          const int x = static_cast<int>(i / 3) % source;
          if (period == 1 || x % period < period / 2) picture.pixels[i] = 255;
        }
        for (const auto interpolation : {Interpolation::kBilinearAntialias, Interpolation::kBicubicAntialias}) {
          PreprocessSpec spec;
          spec.width_px = source % 5 + 1;
          spec.height_px = 2;
          spec.fit = FitMode::kStretch;
          spec.interpolation = interpolation;
          const Region region{picture.view(), std::nullopt};
          std::vector<float> out(preprocessed_floats(spec));
          std::vector<float> expected(out.size());
          preprocess_batch({&region, 1}, spec, out.data(), nullptr, pool);
          preprocess_reference(region, spec, expected.data(), nullptr);
          CHECK(out == expected, isa, " from ", source, " to ", spec.width_px, ", stripes of ", period);
        }
      }
    }
  });
}

TEST(preprocess, stays_within_two_grey_levels_of_exact_arithmetic) {
  ThreadPool pool(1);
  testing::Random random(5);
  for (int round = 0; round < 60; ++round) {
    const testing::Picture picture = testing::make_picture("noise", random.integer(1, 40), random.integer(1, 40), 3);
    PreprocessSpec spec;
    spec.width_px = random.integer(1, 40);
    spec.height_px = random.integer(1, 40);
    spec.fit = FitMode::kStretch;
    spec.interpolation = static_cast<Interpolation>(random.integer(0, 2));
    spec.scale = 1;
    std::vector<float> out(preprocessed_floats(spec));
    const Region region{picture.view(), std::nullopt};
    preprocess_batch({&region, 1}, spec, out.data(), nullptr, pool);
    for (int y = 0; y < spec.height_px; ++y) {
      const auto rows = ideal_weights(spec.interpolation, picture.height, spec.height_px, y);
      for (int x = 0; x < spec.width_px; ++x) {
        const auto columns = ideal_weights(spec.interpolation, picture.width, spec.width_px, x);
        for (int c = 0; c < 3; ++c) {
          double exact = 0;
          for (int sy = 0; sy < picture.height; ++sy) {
            double line = 0;
            for (int sx = 0; sx < picture.width; ++sx) {
              line += columns[static_cast<std::size_t>(sx)] * picture.pixels[static_cast<std::size_t>((sy * picture.width + sx) * 3 + c)];
            }
            // Rows are clipped to bytes between the passes, which matters where a cubic overshoots.
            if (spec.interpolation != Interpolation::kBilinear) line = std::clamp(line, 0.0, 255.0);
            exact += rows[static_cast<std::size_t>(sy)] * line;
          }
          const float came = out[static_cast<std::size_t>((c * spec.height_px + y) * spec.width_px + x)];
          CHECK_NEAR(came, std::clamp(exact, 0.0, 255.0), 2.0, "round ", round, " at ", x, ",", y);
        }
      }
    }
  }
}

TEST(preprocess, normalises_in_the_models_channel_order) {
  const testing::Picture red{1, 1, {200, 100, 50}};
  PreprocessSpec spec;
  spec.width_px = spec.height_px = 1;
  spec.fit = FitMode::kStretch;
  spec.scale = 1.0F / 255.0F;
  spec.mean = {0.1F, 0.2F, 0.3F};
  spec.std = {0.5F, 0.25F, 2.0F};
  ThreadPool pool(1);
  const Region region{red.view(), std::nullopt};
  float out[3];
  preprocess_batch({&region, 1}, spec, out, nullptr, pool);
  CHECK_NEAR(out[0], (200 / 255.0 - 0.1) / 0.5, 1e-6);
  CHECK_NEAR(out[1], (100 / 255.0 - 0.2) / 0.25, 1e-6);
  CHECK_NEAR(out[2], (50 / 255.0 - 0.3) / 2.0, 1e-6);
  spec.channel_order = ChannelOrder::kBgr;
  preprocess_batch({&region, 1}, spec, out, nullptr, pool);
  CHECK_NEAR(out[0], (50 / 255.0 - 0.1) / 0.5, 1e-6, "blue comes first, with the first mean");
  CHECK_NEAR(out[2], (200 / 255.0 - 0.3) / 2.0, 1e-6);
}

TEST(preprocess, result_does_not_depend_on_threads_or_batch) {
  testing::Random random(2);
  for (const Interpolation interpolation :
       {Interpolation::kBilinear, Interpolation::kBilinearAntialias, Interpolation::kBicubicAntialias}) {
    std::vector<testing::Picture> pictures;
    std::vector<Region> regions;
    for (int i = 0; i < 3; ++i) {
      pictures.push_back(testing::make_picture("noise", random.integer(150, 400), random.integer(150, 400), 77));
    }
    for (const testing::Picture& picture : pictures) regions.push_back({picture.view(), PixelBox{3.2, 4.7, 140.1, 149}});
    PreprocessSpec spec;
    spec.width_px = 320;
    spec.height_px = 256;
    spec.interpolation = interpolation;
    const std::size_t image = preprocessed_floats(spec);
    std::vector<float> single(image * regions.size());
    for (std::size_t i = 0; i < regions.size(); ++i) {
      ThreadPool alone(1);
      preprocess_batch({&regions[i], 1}, spec, single.data() + i * image, nullptr, alone);
    }
    for (const std::size_t threads : {1, 2, 3, 7}) {
      ThreadPool pool(threads);
      std::vector<float> out(image * regions.size());
      preprocess_batch(regions, spec, out.data(), nullptr, pool);
      CHECK(out == single, threads, " threads");
    }
  }
}

TEST(preprocess, reads_a_window_of_a_larger_image) {
  const testing::Picture whole = testing::make_picture("noise", 60, 50, 4);
  const ImageView window{whole.pixels.data() + (10 * 60 + 7) * 3, 31, 22, 60 * 3};
  PreprocessSpec spec;
  spec.width_px = 20;
  spec.height_px = 20;
  ThreadPool pool(1);
  testing::for_each_kernel_set([&](const std::string& isa) {
    for (const Interpolation interpolation : {Interpolation::kBilinear, Interpolation::kBicubicAntialias}) {
      spec.interpolation = interpolation;
      std::vector<float> from_window(preprocessed_floats(spec));
      std::vector<float> from_box(preprocessed_floats(spec));
      const Region by_stride{window, std::nullopt};
      const Region by_box{whole.view(), PixelBox{7, 10, 38, 32}};
      preprocess_batch({&by_stride, 1}, spec, from_window.data(), nullptr, pool);
      preprocess_batch({&by_box, 1}, spec, from_box.data(), nullptr, pool);
      CHECK(from_window == from_box, "with ", isa);
    }
  });
}

TEST(preprocess, reads_nothing_outside_the_pixels) {
  // Exactly sized heap blocks: an address sanitizer build (HAZURE_SANITIZE) sees every byte read too far.
  ThreadPool pool(1);
  testing::for_each_kernel_set([&](const std::string& isa) {
    for (int width = 1; width < 40; ++width) {
      const testing::Picture picture = testing::make_picture("ramp", width, 3, 1);
      auto exact = std::make_unique<std::uint8_t[]>(picture.pixels.size());
      std::copy(picture.pixels.begin(), picture.pixels.end(), exact.get());
      for (int mode = 0; mode < 3; ++mode) {
        for (const int out_width : {width, 2 * width + 1, (width + 1) / 2}) {
          PreprocessSpec spec;
          spec.width_px = out_width;
          spec.height_px = out_width == width ? 3 : 5;
          spec.fit = FitMode::kStretch;
          spec.interpolation = static_cast<Interpolation>(mode);
          auto out = std::make_unique<float[]>(preprocessed_floats(spec));
          const Region region{{exact.get(), width, 3, 0}, std::nullopt};
          preprocess_batch({&region, 1}, spec, out.get(), nullptr, pool);
          std::vector<float> expected(preprocessed_floats(spec));
          preprocess_reference(region, spec, expected.data(), nullptr);
          CHECK(std::equal(expected.begin(), expected.end(), out.get()), "with ", isa, ", width ", width);
        }
      }
    }
  });
}

TEST(preprocess, an_empty_batch_is_no_error) {
  ThreadPool pool(1);
  PreprocessSpec spec;
  spec.width_px = spec.height_px = 8;
  preprocess_batch({}, spec, nullptr, nullptr, pool);
}

TEST(preprocess, a_column_shrunk_to_a_line_equals_the_reference) {
  // One output row reads every source row: its ring of rows is cut into columns that fit.
  const testing::Picture picture = testing::make_picture("noise", 2, 16'000, 7);
  const Region region{picture.view(), std::nullopt};
  PreprocessSpec spec;
  spec.width_px = 1700;
  spec.height_px = 1;
  spec.fit = FitMode::kStretch;
  spec.interpolation = Interpolation::kBilinearAntialias;
  std::vector<float> expected(preprocessed_floats(spec));
  std::vector<float> out(expected.size());
  preprocess_reference(region, spec, expected.data(), nullptr);
  ThreadPool pool(1);
  preprocess_batch({&region, 1}, spec, out.data(), nullptr, pool);
  CHECK(out == expected);
}
