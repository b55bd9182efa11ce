#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "hazure/error.hpp"
#include "hazure/jpeg.hpp"
#include "turbojpeg.hpp"

namespace hazure {

void FreeBytes::operator()(std::uint8_t* memory) const noexcept { std::free(memory); }

namespace {

/**
 * Tables fitted to a region take a second pass, two to three times the time. Of a small region they save 15 to 30% of the
 * bytes, of 300 × 300 pixels 3%: coco128 at quality 90 (libs/vision/bench/decode.mjs).
 */
constexpr std::int64_t kSmallPixels = 100 * 100;

/**
 * The file without its JFIF segment, which says nothing that a decoder does not assume. libvips writes none either.
 */
EncodedJpeg without_jfif(std::span<const unsigned char> file) {
  constexpr std::size_t start = 2;
  std::size_t left_out = 0;
  if (file.size() > start + 4 && file[start] == 0xFF && file[start + 1] == 0xE0) {
    left_out = 2 + file[start + 2] * std::size_t{256} + file[start + 3];
  }
  EncodedJpeg encoded;
  encoded.bytes = file.size() - left_out;
  encoded.data.reset(static_cast<std::uint8_t*>(std::malloc(encoded.bytes)));
  if (!encoded.data) throw std::bad_alloc();
  std::memcpy(encoded.data.get(), file.data(), start);
  std::memcpy(encoded.data.get() + start, file.data() + start + left_out, encoded.bytes - start);
  return encoded;
}

}  // namespace

EncodedJpeg encode_jpeg(const Region& region, int quality) {
  const JpegLibrary* library = JpegLibrary::get();
  if (library == nullptr) {
    throw Error(ErrorKind::kDevice, "encoding needs libjpeg-turbo, which is not open", "Run `hazure doctor`.");
  }
  if (quality < 1 || quality > 100) {
    throw Error(ErrorKind::kInput, "expected a JPEG quality of 1…100, came " + std::to_string(quality));
  }
  const PixelRect rect = region_rect(region);
  const ImageView& image = region.image;
  const std::uint8_t* pixels = image.data + rect.y1 * image.stride() + std::ptrdiff_t{3} * rect.x1;
  const JpegCodec codec(*library, JpegCodec::Kind::kCompress);
  const auto& functions = codec.api();
  if (functions.set != nullptr && std::int64_t{rect.width()} * rect.height() <= kSmallPixels) {
    functions.set(codec.handle(), turbojpeg::kOptimise, 1);
  }
  const unsigned long most = functions.most_bytes(rect.width(), rect.height(), turbojpeg::kSampling420);
  thread_local std::vector<unsigned char> memory;
  if (memory.size() < most) memory.resize(most);
  unsigned char* to = memory.data();
  unsigned long bytes = most;
  if (functions.compress(codec.handle(), pixels, rect.width(), static_cast<int>(image.stride()), rect.height(),
                         turbojpeg::kPixelRgb, &to, &bytes, turbojpeg::kSampling420, quality,
                         turbojpeg::kAccurateDct | turbojpeg::kNoRealloc) != 0) {
    throw Error(ErrorKind::kDevice, "A region could not be encoded: " + codec.error());
  }
  EncodedJpeg encoded = without_jfif({to, bytes});
  constexpr std::size_t kept = std::size_t{16} << 20;
  if (memory.size() > kept) std::vector<unsigned char>().swap(memory);
  return encoded;
}

}  // namespace hazure
