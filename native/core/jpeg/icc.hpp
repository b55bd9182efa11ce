#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace hazure {

/**
 * From the colours of an RGB matrix/TRC profile (ICC.1:2010, 8.3.3 and F.3) to 8-bit sRGB, relative to the media
 * white: what Little CMS computes for 8-bit pixels, in its 1.14 fixed point, so that both give the same bytes.
 */
class ColourTransform {
 public:
  /**
   * @param profile the bytes of an ICC profile
   * @return nothing where the profile is of another kind (tables, other colours, damaged, curves that do not begin at
   *         zero): its pixels are another decoder's to convert
   */
  static std::optional<ColourTransform> from_profile(std::span<const std::uint8_t> profile);

  /** Converts interleaved RGB in place. */
  void apply(std::uint8_t* pixels, std::size_t count) const;

 private:
  std::array<std::array<std::int32_t, 256>, 3> linear_{};
  std::array<std::array<std::int32_t, 3>, 3> matrix_{};
};

/** Whether the header says that this is a profile for RGB devices. */
bool is_rgb_profile(std::span<const std::uint8_t> profile);

}  // namespace hazure
