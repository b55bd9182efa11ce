// The definition, written out: resize the whole rectangle to 8-bit pixels, crop, normalise, pad. Shares only
// the layout with the fast path, none of its tables or kernels.
#include <algorithm>
#include <cmath>
#include <vector>

#include "hazure/error.hpp"
#include "hazure/preprocess.hpp"
#include "preprocess/placement.hpp"

namespace hazure {
namespace {

/** An owned 8-bit RGB picture. */
struct Picture {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> pixels;

  Picture(int w, int h) : width(w), height(h), pixels(std::size_t{3} * static_cast<std::size_t>(w) * static_cast<std::size_t>(h)) {}
  std::uint8_t& at(int x, int y, int c) {
    return pixels[(static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) * 3 +
                  static_cast<std::size_t>(c)];
  }
  [[nodiscard]] std::uint8_t at(int x, int y, int c) const { return const_cast<Picture*>(this)->at(x, y, c); }
};

std::uint8_t to_byte(int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

/** cv::resize INTER_LINEAR: 11-bit weights per axis; intermediate products lose 4, then 16 bits. */
Picture resize_bilinear(const Picture& source, int width, int height) {
  struct Tap {
    int first, second, w0, w1;
  };
  const auto taps = [](int source_size, int size, bool drop_outer_tap) {
    std::vector<Tap> all;
    const double scale = 1.0 / (double(size) / source_size);
    for (int i = 0; i < size; ++i) {
      auto position = static_cast<float>((i + 0.5) * scale - 0.5);
      int pixel = static_cast<int>(std::floor(position));
      float fraction = position - static_cast<float>(pixel);
      if (drop_outer_tap && (pixel < 0 || pixel >= source_size - 1)) {
        fraction = 0;
        pixel = std::clamp(pixel, 0, source_size - 1);
      }
      all.push_back({std::clamp(pixel, 0, source_size - 1), std::clamp(pixel + 1, 0, source_size - 1),
                     static_cast<int>(std::nearbyint((1.0F - fraction) * 2048.0F)),
                     static_cast<int>(std::nearbyint(fraction * 2048.0F))});
    }
    return all;
  };
  const std::vector<Tap> columns = taps(source.width, width, true);
  const std::vector<Tap> rows = taps(source.height, height, false);
  Picture out(width, height);
  for (int y = 0; y < height; ++y) {
    const Tap& row = rows[static_cast<std::size_t>(y)];
    for (int x = 0; x < width; ++x) {
      const Tap& column = columns[static_cast<std::size_t>(x)];
      for (int c = 0; c < 3; ++c) {
        const int upper = source.at(column.first, row.first, c) * column.w0 + source.at(column.second, row.first, c) * column.w1;
        const int lower = source.at(column.first, row.second, c) * column.w0 + source.at(column.second, row.second, c) * column.w1;
        out.at(x, y, c) = to_byte((((row.w0 * (upper >> 4)) >> 16) + ((row.w1 * (lower >> 4)) >> 16) + 2) >> 2);
      }
    }
  }
  return out;
}

struct Kernel {
  int begin = 0;
  std::vector<int> weights;
};

/** ImagingResample's precompute_coeffs and normalize_coeffs_8bpc. */
std::vector<Kernel> pillow_kernels(Interpolation interpolation, int source_size, int size) {
  const bool bicubic = interpolation == Interpolation::kBicubicAntialias;
  const auto filter = [&](double x) {
    x = std::abs(x);
    if (!bicubic) return x < 1 ? 1 - x : 0.0;
    if (x < 1) return ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * -0.5;
    return 0.0;
  };
  const double scale = double(source_size) / size;
  const double stretch = std::max(scale, 1.0);
  const double support = (bicubic ? 2 : 1) * stretch;
  std::vector<Kernel> kernels;
  for (int i = 0; i < size; ++i) {
    const double centre = (i + 0.5) * scale;
    const int begin = std::max(0, static_cast<int>(centre - support + 0.5));
    const int end = std::min(source_size, static_cast<int>(centre + support + 0.5));
    std::vector<double> weights;
    double total = 0;
    for (int x = begin; x < end; ++x) {
      weights.push_back(filter((x - centre + 0.5) * (1.0 / stretch)));
      total += weights.back();
    }
    Kernel kernel{begin, {}};
    for (double weight : weights) {
      if (total != 0) weight /= total;
      kernel.weights.push_back(static_cast<int>(weight * (1 << 22) + (weight < 0 ? -0.5 : 0.5)));
    }
    kernels.push_back(std::move(kernel));
  }
  return kernels;
}

Picture resize_antialias(const Picture& source, int width, int height, Interpolation interpolation) {
  const std::vector<Kernel> columns = pillow_kernels(interpolation, source.width, width);
  const std::vector<Kernel> rows = pillow_kernels(interpolation, source.height, height);
  Picture narrow(width, source.height);
  for (int y = 0; y < source.height; ++y) {
    for (int x = 0; x < width; ++x) {
      const Kernel& kernel = columns[static_cast<std::size_t>(x)];
      for (int c = 0; c < 3; ++c) {
        int sum = 1 << 21;
        for (int i = 0; i < static_cast<int>(kernel.weights.size()); ++i) {
          sum += source.at(kernel.begin + i, y, c) * kernel.weights[static_cast<std::size_t>(i)];
        }
        narrow.at(x, y, c) = to_byte(sum >> 22);
      }
    }
  }
  Picture out(width, height);
  for (int y = 0; y < height; ++y) {
    const Kernel& kernel = rows[static_cast<std::size_t>(y)];
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        int sum = 1 << 21;
        for (int i = 0; i < static_cast<int>(kernel.weights.size()); ++i) {
          sum += narrow.at(x, kernel.begin + i, c) * kernel.weights[static_cast<std::size_t>(i)];
        }
        out.at(x, y, c) = to_byte(sum >> 22);
      }
    }
  }
  return out;
}

}  // namespace

void preprocess_reference(const Region& region, const PreprocessSpec& spec, float* out, Placement* placement) {
  check_spec(spec);
  const PixelRect rect = region_rect(region);
  const Layout layout = layout_of(rect.width(), rect.height(), spec);
  if (placement != nullptr) *placement = placement_from(layout, rect);

  Picture source(rect.width(), rect.height());
  for (int y = 0; y < rect.height(); ++y) {
    std::copy_n(region.image.data + (rect.y1 + y) * region.image.stride() + std::ptrdiff_t{3} * rect.x1,
                std::ptrdiff_t{3} * rect.width(), source.pixels.data() + std::ptrdiff_t{3} * rect.width() * y);
  }
  const bool same_size = layout.resized_width == source.width && layout.resized_height == source.height;
  const Picture resized = same_size ? source
                          : spec.interpolation == Interpolation::kBilinear
                              ? resize_bilinear(source, layout.resized_width, layout.resized_height)
                              : resize_antialias(source, layout.resized_width, layout.resized_height, spec.interpolation);

  for (int c = 0; c < 3; ++c) {
    const int source_channel = spec.channel_order == ChannelOrder::kRgb ? c : 2 - c;
    const Affine affine = normalisation_of(spec, c);
    for (int y = 0; y < spec.height_px; ++y) {
      for (int x = 0; x < spec.width_px; ++x) {
        const int px = x - layout.left;
        const int py = y - layout.top;
        const bool inside = px >= 0 && py >= 0 && px < layout.visible_width && py < layout.visible_height;
        const float pixel =
            inside ? resized.at(px + layout.crop_x, py + layout.crop_y, source_channel) : spec.pad_value;
        *out++ = pixel * affine.multiply + affine.add;
      }
    }
  }
}

}  // namespace hazure
