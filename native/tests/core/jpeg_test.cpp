#include "hazure/jpeg.hpp"

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "check.hpp"
#include "jpeg/exif.hpp"

using namespace hazure;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes segment(int marker, const Bytes& body) {
  Bytes bytes{0xFF, static_cast<std::uint8_t>(marker), static_cast<std::uint8_t>((body.size() + 2) >> 8),
              static_cast<std::uint8_t>(body.size() + 2)};
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

Bytes text(const std::string& words) { return {words.begin(), words.end()}; }

Bytes frame(int marker, int width, int height, int components, int precision = 8) {
  Bytes body{static_cast<std::uint8_t>(precision), static_cast<std::uint8_t>(height >> 8),
             static_cast<std::uint8_t>(height),    static_cast<std::uint8_t>(width >> 8),
             static_cast<std::uint8_t>(width),     static_cast<std::uint8_t>(components)};
  for (int i = 0; i < components; ++i) {
    body.insert(body.end(), {static_cast<std::uint8_t>(i + 1), static_cast<std::uint8_t>(i == 0 ? 0x22 : 0x11), 0});
  }
  return segment(marker, body);
}

/** Markers up to a scan, and that many bytes behind them. */
Bytes file_of(const std::vector<Bytes>& segments, std::size_t coded = 1000) {
  Bytes file{0xFF, 0xD8};
  for (const Bytes& each : segments) file.insert(file.end(), each.begin(), each.end());
  const Bytes scan = segment(0xDA, {1, 1, 0, 0, 63, 0});
  file.insert(file.end(), scan.begin(), scan.end());
  file.resize(file.size() + coded);
  return file;
}

std::string declined(const Bytes& file) {
  const JpegInspection inspection = inspect_jpeg(file);
  const auto* reason = std::get_if<JpegDeclined>(&inspection);
  return reason == nullptr ? "" : reason->reason;
}

bool has(const std::string& words, const char* part) { return words.find(part) != std::string::npos; }

}  // namespace

TEST(jpeg, inspect_reads_a_plain_header) {
  const JpegInspection inspection = inspect_jpeg(file_of({segment(0xE0, text("JFIF")), frame(0xC2, 300, 200, 3)}));
  const auto* header = std::get_if<JpegHeader>(&inspection);
  CHECK(header != nullptr);
  CHECK(header->width_px == 300 && header->height_px == 200 && header->components == 3);
  CHECK(header->progressive && header->orientation == 1);
}

TEST(jpeg, inspect_declines_what_is_not_plain) {
  CHECK(has(declined({0x89, 'P', 'N', 'G'}), "begin"));
  CHECK(has(declined({0xFF, 0xD8}), "begin"));
  CHECK(has(declined({0xFF, 0xD8, 0, 0, 0, 0}), "out of order"));
  CHECK(has(declined({0xFF, 0xD8, 0xFF, 0xE0, 0xFF, 0xFF}), "longer than the file"));
  CHECK(has(declined(file_of({})), "before its frame"));
  CHECK(has(declined(file_of({frame(0xC0, 8, 8, 3, 12)})), "12 bits"));
  CHECK(has(declined(file_of({frame(0xC0, 8, 8, 4)})), "4 components"));
  CHECK(has(declined(file_of({frame(0xC0, 8, 8, 2)})), "2 components"));
  CHECK(has(declined(file_of({frame(0xC0, 8, 0, 3)})), "no size"));
  for (const int marker : {0xC3, 0xC5, 0xC9, 0xCA}) CHECK(has(declined(file_of({frame(marker, 8, 8, 3)})), "coding"));
  CHECK(has(declined(file_of({frame(0xC0, 8, 8, 3), frame(0xC0, 8, 8, 3)})), "two frames"));
  CHECK(has(declined(file_of({segment(0xE2, text(std::string("ICC_PROFILE\0\1\2....", 18))), frame(0xC0, 8, 8, 3)})), "pieces"));
  CHECK(has(declined(file_of({segment(0xE2, text(std::string("ICC_PROFILE\0\1\1....", 18))), frame(0xC0, 8, 8, 3)})), "other colours"));
  CHECK(has(declined(file_of({segment(0xE2, text(std::string("MPF\0", 4))), frame(0xC0, 8, 8, 3)})), "several"));
  CHECK(has(declined(file_of({segment(0xE1, text("http://ns.adobe.com/xap/1.0/ hdrgm:Version")), frame(0xC0, 8, 8, 3)})),
            "gain map"));
  CHECK(has(declined(file_of({segment(0xCC, {0, 0}), frame(0xC0, 8, 8, 3)})), "FFCC"));
}

TEST(jpeg, inspect_refuses_sizes_that_the_file_can_not_hold) {
  const auto refused = [](const Bytes& file) { return std::holds_alternative<JpegRefused>(inspect_jpeg(file)); };
  CHECK(refused(file_of({frame(0xC0, 65'500, 65'500, 3)})));
  CHECK(refused(file_of({frame(0xC2, 65'500, 65'500, 1)})));
  // Grey, 8 × 8 pixels a block, two bits a block and one where progressive.
  CHECK(refused(file_of({frame(0xC0, 8000, 8000, 1)}, 249'999)));
  CHECK(!refused(file_of({frame(0xC0, 8000, 8000, 1)}, 250'000)));
  CHECK(refused(file_of({frame(0xC2, 8000, 8000, 1)}, 124'999)));
  CHECK(!refused(file_of({frame(0xC2, 8000, 8000, 1)}, 125'000)));
  // Where little is at stake the other decoder judges.
  CHECK(declined(file_of({frame(0xC0, 80, 80, 1)}, 25)).empty());
  CHECK(has(declined(file_of({frame(0xC0, 80, 80, 1)}, 24)), "cut off"));
}

TEST(jpeg, inspect_declines_more_scans_than_libvips_reads) {
  Bytes file = file_of({frame(0xC2, 16, 16, 1)});
  for (int scan = 0; scan < 99; ++scan) file.insert(file.end(), {0xFF, 0xDA});
  CHECK(declined(file).empty());
  file.insert(file.end(), {0xFF, 0xDA});
  CHECK(has(declined(file), "scans"));
}

TEST(jpeg, inspect_survives_every_cut_and_mutation) {
  const Bytes exif{'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0};
  const Bytes whole = file_of({segment(0xE1, exif), frame(0xC0, 300, 200, 3)});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    inspect_jpeg(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)));
  }
  std::mt19937 random(3);
  for (int round = 0; round < 20'000; ++round) {
    Bytes file(whole.begin(), whole.begin() + 90);
    for (int n = 0; n < 3; ++n) file[random() % file.size()] = static_cast<std::uint8_t>(random());
    inspect_jpeg(file);
  }
}

TEST(jpeg, exif_orientation_of_either_byte_order) {
  const Bytes little{'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0};
  const Bytes big{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0};
  CHECK(exif_orientation(little) == 6);
  CHECK(exif_orientation(big) == 8);
  Bytes none = little;
  none[10] = 0x13;
  CHECK(exif_orientation(none) == 1);
  for (std::size_t length = 0; length < little.size(); ++length) {
    CHECK(!exif_orientation(std::span(little).first(length)));
  }
  for (const auto& [at, value] : {std::pair{0, 'X'}, {2, 43}, {4, 200}, {12, 4}, {14, 2}, {18, 0}, {18, 9}}) {
    Bytes odd = little;
    odd[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(value);
    CHECK(!exif_orientation(odd));
  }
}

TEST(jpeg, orient_follows_the_definition) {
  // CIPA DC-008: where row 0 and column 0 of the stored picture come to lie.
  constexpr int width = 70;
  constexpr int height = 41;
  Bytes stored(std::size_t{3} * width * height);
  for (std::size_t i = 0; i < stored.size(); ++i) stored[i] = static_cast<std::uint8_t>(i * 31 % 251);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Bytes upright(stored.size());
    orient_pixels(stored.data(), width, height, orientation, upright.data());
    const int columns = orientation >= 5 ? height : width;
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const int to_x[] = {x, width - 1 - x, width - 1 - x, x, y, height - 1 - y, height - 1 - y, y};
        const int to_y[] = {y, y, height - 1 - y, height - 1 - y, x, x, width - 1 - x, width - 1 - x};
        const std::ptrdiff_t to = std::ptrdiff_t{to_y[orientation - 1]} * columns + to_x[orientation - 1];
        CHECK(std::equal(&stored[3 * static_cast<std::size_t>(y * width + x)],
                         &stored[3 * static_cast<std::size_t>(y * width + x)] + 3, &upright[3 * static_cast<std::size_t>(to)]));
      }
    }
  }
}

TEST(jpeg, a_library_that_is_none_is_refused) {
  CHECK(has(JpegLibrary::open("/nowhere/libturbojpeg.so.0"), "nowhere"));
  if (JpegLibrary::get() == nullptr) CHECK(has(JpegLibrary::open("libc.so.6"), "tjInitDecompress"));
}

TEST(jpeg, what_is_encoded_decodes_and_damage_is_declined) {
  const char* chosen = std::getenv("HAZURE_TURBOJPEG");
  const std::string failed = JpegLibrary::open(chosen != nullptr ? chosen : "libturbojpeg.so.0");
  if (!failed.empty()) SKIP(failed);
  constexpr int width = 61;
  constexpr int height = 47;
  Bytes pixels(std::size_t{3} * width * height);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i / 3 % width * 4);
  const Region region{ImageView{pixels.data(), width, height, 0}, std::nullopt};
  const EncodedJpeg encoded = encode_jpeg(region, 95);
  const std::span<const std::uint8_t> file(encoded.data.get(), encoded.bytes);
  const PixelTraffic before = pixel_traffic();
  const JpegDecoding decoding = decode_jpeg(file, 1'000'000);
  const auto* decoded = std::get_if<DecodedPixels>(&decoding);
  CHECK(decoded != nullptr);
  CHECK(decoded->width_px == width && decoded->height_px == height);
  CHECK(pixel_traffic().decoded == before.decoded + 1 && pixel_traffic().turned == before.turned);
  int largest = 0;
  for (std::size_t i = 0; i < pixels.size(); ++i) largest = std::max(largest, std::abs(decoded->data[i] - pixels[i]));
  CHECK(largest <= 12);
  CHECK(std::holds_alternative<JpegDeclined>(decode_jpeg(file, 100)));
  for (std::size_t length = 0; length < file.size(); ++length) {
    CHECK(!std::holds_alternative<DecodedPixels>(decode_jpeg(file.first(length), 1'000'000)));
  }
  std::mt19937 random(5);
  for (int round = 0; round < 2000; ++round) {
    Bytes mutated(file.begin(), file.end());
    for (int n = 0; n < 2; ++n) mutated[random() % mutated.size()] = static_cast<std::uint8_t>(random());
    decode_jpeg(mutated, 1'000'000);
  }
}
