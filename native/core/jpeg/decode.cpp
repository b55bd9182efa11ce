#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <vector>

#include "hazure/jpeg.hpp"
#include "icc.hpp"
#include "pixel_pool.hpp"
#include "turbojpeg.hpp"

namespace hazure {
namespace {

/** Larger files are left alone: none of them is a photograph. */
constexpr std::uint64_t kMostFileBytes = std::uint64_t{1} << 30;

std::atomic<std::uint64_t> decoded_images{0};
std::atomic<std::uint64_t> turned_images{0};
std::atomic<std::uint64_t> recoloured_images{0};

/** Memory that a thread keeps from image to image, given back after an unusually large one. */
class Scratch {
 public:
  std::uint8_t* reserve(std::size_t bytes) {
    if (bytes > bytes_) {
      memory_.reset();
      bytes_ = 0;
      memory_.reset(new std::uint8_t[bytes]);
      bytes_ = bytes;
    }
    return memory_.get();
  }
  void shrink() {
    constexpr std::size_t kept = std::size_t{32} << 20;
    if (bytes_ <= kept) return;
    memory_.reset();
    bytes_ = 0;
  }

 private:
  std::unique_ptr<std::uint8_t[]> memory_;
  std::size_t bytes_ = 0;
};

DecodedPixels reserve_pixels(int width, int height) {
  DecodedPixels pixels;
  pixels.width_px = width;
  pixels.height_px = height;
  pixels.data = {pixel_pool::take(pixels.bytes()), GiveBackPixels{pixels.bytes()}};
  return pixels;
}

/** Decodes as stored, or upside down. @return whether nothing at all was amiss */
bool decompress(const JpegCodec& codec, std::span<const std::uint8_t> file, const JpegHeader& header,
                bool upside_down, std::uint8_t* to) {
  const int flags = turbojpeg::kAccurateDct | (header.progressive ? turbojpeg::kLimitScans : 0) |
                    (upside_down ? turbojpeg::kBottomUp : 0);
  return codec.api().decompress(codec.handle(), file.data(), file.size(), to, header.width_px, 0,
                                        header.height_px, turbojpeg::kPixelRgb, flags) == 0;
}

/** Whether the library sees the same picture as the markers told, in a colour space of its own. */
std::optional<JpegDeclined> disagrees(const JpegCodec& codec, std::span<const std::uint8_t> file,
                                      const JpegHeader& header) {
  int width = 0;
  int height = 0;
  int sampling = 0;
  int colour = 0;
  if (codec.api().header(codec.handle(), file.data(), file.size(), &width, &height, &sampling,
                                 &colour) != 0) {
    return JpegDeclined{codec.error()};
  }
  if (width != header.width_px || height != header.height_px) return JpegDeclined{"its size is in doubt"};
  const bool plain = colour == (header.components == 1 ? turbojpeg::kColourGrey : turbojpeg::kColourYcbcr);
  if (!plain) return JpegDeclined{"its colours are no YCbCr"};
  return std::nullopt;
}

/** The transform of a profile; the last of each thread is kept, for the next file is likely of the same camera. */
const ColourTransform* transform_for(std::span<const std::uint8_t> profile) {
  thread_local std::vector<std::uint8_t> known;
  thread_local std::optional<ColourTransform> transform;
  if (!std::equal(known.begin(), known.end(), profile.begin(), profile.end())) {
    transform = ColourTransform::from_profile(profile);
    known.assign(profile.begin(), profile.end());
  }
  return transform ? &*transform : nullptr;
}

class File {
 public:
  explicit File(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /** Bytes of a regular file, or 0. */
  [[nodiscard]] std::uint64_t bytes() const {
    struct stat status {};
    if (descriptor_ < 0 || ::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
    return static_cast<std::uint64_t>(status.st_size);
  }

  [[nodiscard]] bool read(std::uint8_t* to, std::size_t count, std::size_t offset) const {
    while (count > 0) {
      const ssize_t got = ::pread(descriptor_, to, count, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      to += got;
      offset += static_cast<std::size_t>(got);
      count -= static_cast<std::size_t>(got);
    }
    return true;
  }

 private:
  int descriptor_;
};

Scratch& file_scratch() {
  thread_local Scratch memory;
  return memory;
}

Scratch& pixel_scratch() {
  thread_local Scratch memory;
  return memory;
}

}  // namespace

void GiveBackPixels::operator()(std::uint8_t* memory) const noexcept { pixel_pool::give_back(memory, bytes); }

JpegDecoding decode_jpeg(std::span<const std::uint8_t> file, std::uint64_t most_pixels) {
  const JpegLibrary* library = JpegLibrary::get();
  if (library == nullptr) return JpegDeclined{"libjpeg-turbo is not open"};
  const JpegInspection inspection = inspect_jpeg(file);
  if (const auto* declined = std::get_if<JpegDeclined>(&inspection)) return *declined;
  if (const auto* refused = std::get_if<JpegRefused>(&inspection)) return *refused;
  const auto& header = std::get<JpegHeader>(inspection);
  const auto pixel_count = static_cast<std::uint64_t>(header.width_px) * static_cast<std::uint64_t>(header.height_px);
  if (pixel_count > most_pixels) return JpegDeclined{"it has more pixels than allowed"};
  if (header.width_px > kMaxSidePx || header.height_px > kMaxSidePx) return JpegDeclined{"a side is too long"};
  const JpegCodec codec(*library, JpegCodec::Kind::kDecompress);
  if (auto declined = disagrees(codec, file, header)) return *declined;

  // Of a grey picture libvips leaves a profile for RGB alone.
  const bool recolour = !header.profile.empty() && header.components == 3;
  const ColourTransform* transform = recolour ? transform_for(header.profile) : nullptr;
  if (recolour && transform == nullptr) return JpegDeclined{"its ICC profile is more than a matrix and curves"};

  // Upside down costs nothing; every other turn is a pass of its own.
  const bool upside_down = header.orientation == 4;
  const bool turned = header.orientation != 1 && !upside_down;
  const bool swaps_sides = header.orientation >= 5;
  DecodedPixels pixels = reserve_pixels(swaps_sides ? header.height_px : header.width_px,
                                        swaps_sides ? header.width_px : header.height_px);
  std::uint8_t* to = turned ? pixel_scratch().reserve(pixels.bytes()) : pixels.data.get();
  const bool whole = decompress(codec, file, header, upside_down, to);
  if (whole && recolour) transform->apply(to, pixel_count);
  if (whole && turned) orient_pixels(to, header.width_px, header.height_px, header.orientation, pixels.data.get());
  if (turned) pixel_scratch().shrink();
  if (!whole) return JpegDeclined{codec.error()};
  ++decoded_images;
  if (turned) ++turned_images;
  if (recolour) ++recoloured_images;
  return pixels;
}

JpegDecoding decode_jpeg_file(const std::string& path, std::uint64_t most_pixels) {
  const File file(path);
  const std::uint64_t bytes = file.bytes();
  std::uint8_t start[2]{};
  if (bytes < 4 || !file.read(start, sizeof start, 0)) return JpegDeclined{"it can't be read"};
  if (start[0] != 0xFF || start[1] != 0xD8) return JpegDeclined{"it does not begin as a JPEG"};
  if (bytes > kMostFileBytes) return JpegDeclined{"the file is too large"};
  std::uint8_t* memory = file_scratch().reserve(bytes);
  if (!file.read(memory, bytes, 0)) return JpegDeclined{"it can't be read"};
  JpegDecoding decoding = decode_jpeg({memory, static_cast<std::size_t>(bytes)}, most_pixels);
  file_scratch().shrink();
  return decoding;
}

PixelTraffic pixel_traffic() noexcept { return {decoded_images.load(), turned_images.load(), recoloured_images.load()}; }

}  // namespace hazure
