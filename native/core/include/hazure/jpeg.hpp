#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "hazure/image.hpp"

namespace hazure {

/**
 * libjpeg-turbo's TurboJPEG API, opened at run time: no machine needs it to load the engine. One library a process,
 * the first that opens; it stays mapped.
 */
class JpegLibrary {
 public:
  /**
   * Opens a library unless one is open already. From one thread at a time.
   *
   * @param path a file, or a name that the loader looks for, such as `libturbojpeg.so.0`
   * @return why it can't be used, or empty where one is open now
   */
  static std::string open(const std::string& path);
  /** The open library, or null. From any thread. */
  static const JpegLibrary* get() noexcept;

  /** The file that the loader chose. */
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  struct Functions;
  [[nodiscard]] const Functions& functions() const noexcept { return *functions_; }

 private:
  JpegLibrary() = default;
  std::string path_;
  std::unique_ptr<Functions> functions_;
};

/** What the markers of a JPEG file say before its pixels begin. */
struct JpegHeader {
  int width_px = 0;
  int height_px = 0;
  /** 1 grey, 3 colour. */
  int components = 0;
  bool progressive = false;
  /** EXIF, 1…8 (CIPA DC-008, tag 0x0112): how the stored picture is turned to stand upright. */
  int orientation = 1;
  /** An ICC profile for its colours, inside the file's bytes; empty for sRGB. */
  std::span<const std::uint8_t> profile;
};

/** Why a file is left to another decoder; words for a person. */
struct JpegDeclined {
  std::string reason;
};

/** A file that no decoder could read whole; words for a person. */
struct JpegRefused {
  std::string reason;
};

using JpegInspection = std::variant<JpegHeader, JpegDeclined, JpegRefused>;

/**
 * Reads the markers up to the first scan (ITU-T T.81, annex B). What is not plain is declined: other than 8 bits,
 * other than 1 or 3 components, arithmetic or lossless coding, an ICC profile in pieces or for other colours than
 * RGB, a gain map, several pictures in one file, an EXIF block that leaves the orientation in doubt, anything out of
 * order. A file too short for the size that it claims (a Huffman code is a bit at least)
 * is declined as well, and refused above 2^24 pixels, so that nothing is reserved for it.
 */
JpegInspection inspect_jpeg(std::span<const std::uint8_t> file);

/** Gives memory of decoded images back to where it came from. */
struct GiveBackPixels {
  std::size_t bytes = 0;
  void operator()(std::uint8_t* memory) const noexcept;
};

/** Pixels that own their memory: 8-bit RGB, HWC, rows without gaps. */
struct DecodedPixels {
  std::unique_ptr<std::uint8_t[], GiveBackPixels> data;
  int width_px = 0;
  int height_px = 0;

  [[nodiscard]] std::size_t bytes() const noexcept {
    return std::size_t{3} * static_cast<std::size_t>(width_px) * static_cast<std::size_t>(height_px);
  }
};

using JpegDecoding = std::variant<DecodedPixels, JpegDeclined, JpegRefused>;

/**
 * Decodes a plain JPEG upright and in sRGB, with accurate DCT and smooth chroma upsampling. A profile that is more than
 * a matrix and curves is declined. Whatever libjpeg-turbo warns of is
 * declined: how damage is judged is the other decoder's to say.
 *
 * @param most_pixels larger pictures are declined before memory is reserved
 */
JpegDecoding decode_jpeg(std::span<const std::uint8_t> file, std::uint64_t most_pixels);

/** As decode_jpeg, from a file; one that can't be read, and one that is no JPEG, is declined. */
JpegDecoding decode_jpeg_file(const std::string& path, std::uint64_t most_pixels);

/** Turns pixels as an EXIF orientation asks; `to` holds as many and must not overlap. Strides are 3 × width. */
void orient_pixels(const std::uint8_t* from, int width_px, int height_px, int orientation, std::uint8_t* to);

struct FreeBytes {
  void operator()(std::uint8_t* memory) const noexcept;
};

/** Bytes from malloc. */
struct EncodedJpeg {
  std::unique_ptr<std::uint8_t[], FreeBytes> data;
  std::size_t bytes = 0;
};

/**
 * A region as baseline JPEG, 4:2:0, straight from the image's rows: the coefficients that libvips writes. Huffman tables
 * are fitted to small regions where TurboJPEG 3 is there, and are the standard's elsewhere.
 *
 * @param quality 1…100
 * @throws Error(kInput) for a bad region, (kDevice) where no library is open or it fails
 */
EncodedJpeg encode_jpeg(const Region& region, int quality);

/** Passes over whole images since the process began, for tests and benches. */
struct PixelTraffic {
  /** Images written by a JPEG decoder of ours. */
  std::uint64_t decoded = 0;
  /** Of those, turned in a second pass (EXIF 2, 3, 5…8). */
  std::uint64_t turned = 0;
  /** Of those, converted to sRGB in place. */
  std::uint64_t recoloured = 0;
};
PixelTraffic pixel_traffic() noexcept;

}  // namespace hazure
