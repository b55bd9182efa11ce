#include "exif.hpp"

#include <cstddef>

namespace hazure {
namespace {

constexpr std::uint32_t kOrientationTag = 0x0112;
constexpr std::uint32_t kShort = 3;
/** libexif, which other decoders ask, takes no directory of more entries than this. */
constexpr std::uint32_t kMostEntries = 200;

/** Whole numbers of a TIFF structure, in the byte order that it states. */
class Tiff {
 public:
  Tiff(std::span<const std::uint8_t> bytes, bool big_endian) : bytes_(bytes), big_endian_(big_endian) {}

  [[nodiscard]] bool has(std::size_t offset, std::size_t count) const {
    return offset <= bytes_.size() && count <= bytes_.size() - offset;
  }
  [[nodiscard]] std::uint32_t u16(std::size_t at) const {
    return big_endian_ ? bytes_[at] * 256U + bytes_[at + 1] : bytes_[at + 1] * 256U + bytes_[at];
  }
  [[nodiscard]] std::uint32_t u32(std::size_t at) const {
    return big_endian_ ? u16(at) * 65536U + u16(at + 2) : u16(at + 2) * 65536U + u16(at);
  }

 private:
  std::span<const std::uint8_t> bytes_;
  bool big_endian_;
};

}  // namespace

std::optional<int> exif_orientation(std::span<const std::uint8_t> tiff) {
  if (tiff.size() < 8) return std::nullopt;
  const bool big_endian = tiff[0] == 'M' && tiff[1] == 'M';
  if (!big_endian && !(tiff[0] == 'I' && tiff[1] == 'I')) return std::nullopt;
  const Tiff in(tiff, big_endian);
  if (in.u16(2) != 42) return std::nullopt;
  const std::size_t directory = in.u32(4);
  if (directory < 8 || !in.has(directory, 2)) return std::nullopt;
  const std::uint32_t entries = in.u16(directory);
  if (entries > kMostEntries || !in.has(directory + 2, std::size_t{12} * entries)) return std::nullopt;
  int orientation = 0;
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + std::size_t{12} * i;
    if (in.u16(entry) != kOrientationTag) continue;
    const std::uint32_t value = in.u16(entry + 8);
    const bool plain = in.u16(entry + 2) == kShort && in.u32(entry + 4) == 1 && value >= 1 && value <= 8;
    if (!plain || orientation != 0) return std::nullopt;
    orientation = static_cast<int>(value);
  }
  return orientation == 0 ? 1 : orientation;
}

}  // namespace hazure
