#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

#include "hazure/error.hpp"
#include "hazure/jpeg.hpp"
#include "turbojpeg.hpp"

namespace hazure {

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
  const auto& functions = library->functions();
  const unsigned long most = functions.most_bytes(rect.width(), rect.height(), turbojpeg::kSampling420);
  thread_local std::vector<unsigned char> memory;
  if (memory.size() < most) memory.resize(most);
  unsigned char* to = memory.data();
  unsigned long bytes = most;
  const turbojpeg::Handle codec = thread_compressor(*library);
  if (functions.compress(codec, pixels, rect.width(), static_cast<int>(image.stride()), rect.height(),
                         turbojpeg::kPixelRgb, &to, &bytes, turbojpeg::kSampling420, quality,
                         turbojpeg::kAccurateDct | turbojpeg::kNoRealloc) != 0) {
    throw Error(ErrorKind::kDevice, std::string("libjpeg-turbo could not encode a region: ") + functions.error(codec));
  }
  EncodedJpeg encoded;
  encoded.data.reset(static_cast<std::uint8_t*>(std::malloc(bytes)));
  if (!encoded.data) throw std::bad_alloc();
  std::memcpy(encoded.data.get(), to, bytes);
  encoded.bytes = bytes;
  constexpr std::size_t kept = std::size_t{16} << 20;
  if (memory.size() > kept) std::vector<unsigned char>().swap(memory);
  return encoded;
}

}  // namespace hazure
