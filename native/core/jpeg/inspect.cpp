#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "exif.hpp"
#include "hazure/jpeg.hpp"
#include "icc.hpp"

namespace hazure {
namespace {

constexpr int kBlock = 8;
/** libvips reads no progressive picture of more scans: a few kilobytes could keep a machine busy for hours. */
constexpr std::size_t kMostScans = 100;

/**
 * A cut-off picture up to this size is left to the other decoder, which takes some of them; above, memory is at stake.
 */
constexpr std::uint64_t kHarmlessPixels = std::uint64_t{1} << 24;

using Bytes = std::span<const std::uint8_t>;

bool begins(Bytes segment, std::string_view text) {
  return segment.size() >= text.size() && std::memcmp(segment.data(), text.data(), text.size()) == 0;
}

bool contains(Bytes segment, std::string_view text) {
  return std::search(segment.begin(), segment.end(), text.begin(), text.end()) != segment.end();
}

std::uint32_t u16(Bytes bytes, std::size_t at) { return bytes[at] * 256U + bytes[at + 1]; }

std::string hex(int marker) {
  static constexpr const char* digits = "0123456789ABCDEF";
  return std::string("FF") + digits[marker >> 4] + digits[marker & 15];
}

/** Walks the segments of one file; the first thing that is not plain ends it. */
class Inspector {
 public:
  explicit Inspector(Bytes file) : file_(file) {}

  JpegInspection run() {
    if (file_.size() < 4 || file_[0] != 0xFF || file_[1] != 0xD8) return JpegDeclined{"it does not begin as a JPEG"};
    std::size_t at = 2;
    while (true) {
      if (at + 4 > file_.size() || file_[at] != 0xFF) return JpegDeclined{"its markers are out of order"};
      const int marker = file_[at + 1];
      if (marker == 0xFF) {  // fill byte
        ++at;
        continue;
      }
      const std::size_t length = u16(file_, at + 2);
      if (length < 2 || length > file_.size() - at - 2) return JpegDeclined{"a segment is longer than the file"};
      const Bytes segment = file_.subspan(at + 4, length - 2);
      at += 2 + length;
      if (marker == 0xDA) return end(at);
      std::string declined = take(marker, segment);
      if (!declined.empty()) return JpegDeclined{std::move(declined)};
    }
  }

 private:
  std::string take(int marker, Bytes segment) {
    if (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC) {
      return frame(marker, segment);
    }
    if (marker == 0xE1) return app1(segment);
    if (marker == 0xE2) return app2(segment);
    // Tables, restart interval, comments and what other applications left.
    const bool known = marker == 0xC4 || marker == 0xDB || marker == 0xDD || marker >= 0xE0;
    return known && marker != 0xFF ? "" : "it has the marker " + hex(marker);
  }

  std::string frame(int marker, Bytes segment) {
    if (header_.components != 0) return "it has two frames";
    if (marker > 0xC2) return "its coding (" + hex(marker) + ") is neither baseline nor progressive Huffman";
    if (segment.size() < 6) return "its frame header is cut off";
    if (segment[0] != 8) return "it has " + std::to_string(segment[0]) + " bits a sample";
    header_.progressive = marker == 0xC2;
    header_.height_px = static_cast<int>(u16(segment, 1));
    header_.width_px = static_cast<int>(u16(segment, 3));
    header_.components = segment[5];
    if (header_.width_px == 0 || header_.height_px == 0) return "its frame header states no size";
    if (header_.components != 1 && header_.components != 3) {
      return "it has " + std::to_string(header_.components) + " components";
    }
    const auto count = static_cast<std::size_t>(header_.components);
    if (segment.size() != 6 + 3 * count) return "its frame header has the wrong length";
    return sampling(segment.subspan(6));
  }

  std::string sampling(Bytes components) {
    int most_across = 1;
    int most_down = 1;
    for (std::size_t i = 0; i < components.size(); i += 3) {
      const int across = components[i + 1] >> 4;
      const int down = components[i + 1] & 15;
      if (across < 1 || across > 4 || down < 1 || down > 4) return "its sampling factors are out of range";
      most_across = std::max(most_across, across);
      most_down = std::max(most_down, down);
    }
    // The smallest component decides: a file may lack the scans of the others, which shows as grey.
    fewest_blocks_ = UINT64_MAX;
    const auto blocks = [](int size, int part, int whole) {
      return (static_cast<std::uint64_t>(size) * static_cast<std::uint64_t>(part) +
              static_cast<std::uint64_t>(kBlock * whole) - 1) /
             static_cast<std::uint64_t>(kBlock * whole);
    };
    for (std::size_t i = 0; i < components.size(); i += 3) {
      fewest_blocks_ = std::min(fewest_blocks_, blocks(header_.width_px, components[i + 1] >> 4, most_across) *
                                                    blocks(header_.height_px, components[i + 1] & 15, most_down));
    }
    return {};
  }

  std::string app1(Bytes segment) {
    using namespace std::string_view_literals;
    if (begins(segment, "Exif\0\0"sv)) {
      if (has_exif_) return "it has two EXIF blocks";
      has_exif_ = true;
      const auto orientation = exif_orientation(segment.subspan(6));
      if (!orientation) return "its EXIF block leaves the orientation in doubt";
      header_.orientation = *orientation;
      return {};
    }
    if (begins(segment, "Exif"sv)) return "its EXIF block is unusual";
    return contains(segment, "hdrgm"sv) || contains(segment, "hdr-gain-map"sv) ? "it has a gain map" : "";
  }

  std::string app2(Bytes segment) {
    using namespace std::string_view_literals;
    if (begins(segment, "ICC_PROFILE\0"sv)) {
      // ICC.1:2010, annex B.4: number and count of the piece, then its bytes.
      const bool whole = segment.size() > 14 && segment[12] == 1 && segment[13] == 1 && header_.profile.empty();
      if (!whole) return "its ICC profile is in pieces";
      header_.profile = segment.subspan(14);
      return {};
    }
    if (begins(segment, "MPF\0"sv)) return "it holds several pictures";
    if (begins(segment, "urn:iso:std:iso:ts:21496"sv)) return "it has a gain map";
    return {};
  }

  [[nodiscard]] JpegInspection end(std::size_t scan_begins) const {
    if (header_.components == 0) return JpegDeclined{"its first scan comes before its frame header"};
    if (!header_.profile.empty() && !is_rgb_profile(header_.profile)) {
      return JpegDeclined{"its ICC profile is for other colours"};
    }
    const Bytes coded = file_.subspan(scan_begins);
    // A block takes a Huffman code for its DC coefficient and, unless progressive, one for the end of its others.
    const std::uint64_t least_bits = fewest_blocks_ * (header_.progressive ? 1 : 2);
    if (least_bits > coded.size() * std::uint64_t{8}) {
      const auto pixels = static_cast<std::uint64_t>(header_.width_px) * static_cast<std::uint64_t>(header_.height_px);
      if (pixels <= kHarmlessPixels) return JpegDeclined{"it is cut off"};
      return JpegRefused{"it is cut off: " + std::to_string(coded.size()) + " bytes of picture data can't hold " +
                         std::to_string(header_.width_px) + "×" + std::to_string(header_.height_px) + " pixels"};
    }
    if (header_.progressive && scans(coded) > kMostScans) {
      return JpegDeclined{"it has more than " + std::to_string(kMostScans) + " scans"};
    }
    return header_;
  }

  static std::size_t scans(Bytes coded) {
    std::size_t count = 1;
    for (std::size_t i = 0; i + 1 < coded.size();) {
      const void* found = std::memchr(coded.data() + i, 0xFF, coded.size() - 1 - i);
      if (found == nullptr) break;
      i = static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - coded.data()) + 1;
      if (coded[i] == 0xDA) ++count;
    }
    return count;
  }

  Bytes file_;
  JpegHeader header_;
  bool has_exif_ = false;
  std::uint64_t fewest_blocks_ = 0;
};

}  // namespace

JpegInspection inspect_jpeg(std::span<const std::uint8_t> file) { return Inspector(file).run(); }

}  // namespace hazure
