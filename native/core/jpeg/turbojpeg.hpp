#pragma once

#include "hazure/jpeg.hpp"

namespace hazure {

// The part of TurboJPEG's C API (stable since 1.4, kept by 3.x) that is used, as its documentation defines it.
// https://rawcdn.githack.com/libjpeg-turbo/libjpeg-turbo/2.1.5/doc/html/group___turbo_j_p_e_g.html
namespace turbojpeg {
using Handle = void*;
inline constexpr int kPixelRgb = 0;         // TJPF_RGB
inline constexpr int kSampling420 = 2;      // TJSAMP_420
inline constexpr int kColourYcbcr = 1;      // TJCS_YCbCr
inline constexpr int kColourGrey = 2;       // TJCS_GRAY
inline constexpr int kBottomUp = 2;         // TJFLAG_BOTTOMUP
inline constexpr int kNoRealloc = 1024;     // TJFLAG_NOREALLOC
inline constexpr int kAccurateDct = 4096;   // TJFLAG_ACCURATEDCT
inline constexpr int kLimitScans = 32768;   // TJFLAG_LIMITSCANS
inline constexpr int kOptimise = 11;        // TJPARAM_OPTIMIZE
}  // namespace turbojpeg

struct JpegLibrary::Functions {
  turbojpeg::Handle (*init_decompress)() = nullptr;
  turbojpeg::Handle (*init_compress)() = nullptr;
  int (*destroy)(turbojpeg::Handle) = nullptr;
  int (*header)(turbojpeg::Handle, const unsigned char* file, unsigned long bytes, int* width, int* height,
                int* sampling, int* colour) = nullptr;
  int (*decompress)(turbojpeg::Handle, const unsigned char* file, unsigned long bytes, unsigned char* to, int width,
                    int pitch, int height, int pixel_format, int flags) = nullptr;
  int (*compress)(turbojpeg::Handle, const unsigned char* from, int width, int pitch, int height, int pixel_format,
                  unsigned char** to, unsigned long* bytes, int sampling, int quality, int flags) = nullptr;
  unsigned long (*most_bytes)(int width, int height, int sampling) = nullptr;
  char* (*error)(turbojpeg::Handle) = nullptr;
  /** Of TurboJPEG 3; null before. */
  int (*set)(turbojpeg::Handle, int parameter, int value) = nullptr;
};

/**
 * A codec for one picture. None is used twice: tables of a file, and what an error leaves behind, would pass on to the
 * next one.
 */
class JpegCodec {
 public:
  enum class Kind { kDecompress, kCompress };
  /** @throws std::bad_alloc */
  JpegCodec(const JpegLibrary& library, Kind kind);
  ~JpegCodec();
  JpegCodec(const JpegCodec&) = delete;
  JpegCodec& operator=(const JpegCodec&) = delete;

  [[nodiscard]] const JpegLibrary::Functions& api() const { return api_; }
  [[nodiscard]] turbojpeg::Handle handle() const { return handle_; }
  /** What the library says of its last failure. */
  [[nodiscard]] std::string error() const { return std::string("libjpeg-turbo: ") + api_.error(handle_); }

 private:
  const JpegLibrary::Functions& api_;
  turbojpeg::Handle handle_;
};

}  // namespace hazure
