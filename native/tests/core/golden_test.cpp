#include <fstream>

#include "check.hpp"
#include "hazure/preprocess.hpp"
#include "picture.hpp"

using namespace hazure;

namespace {

struct GoldenCase {
  std::string line;
  testing::Picture source;
  PreprocessSpec spec;
  std::string value_kind;
  std::string value;
};

FitMode fit_named(const std::string& name) {
  if (name == "letterbox-centre") return FitMode::kLetterboxCentre;
  if (name == "letterbox-top-left") return FitMode::kLetterboxTopLeft;
  if (name == "stretch") return FitMode::kStretch;
  CHECK_EQ(name, std::string("centre-crop"));
  return FitMode::kCentreCrop;
}

Interpolation interpolation_named(const std::string& name) {
  if (name == "bilinear") return Interpolation::kBilinear;
  if (name == "bilinear-antialias") return Interpolation::kBilinearAntialias;
  CHECK_EQ(name, std::string("bicubic-antialias"));
  return Interpolation::kBicubicAntialias;
}

std::vector<GoldenCase> load_cases() {
  std::ifstream in(HAZURE_TESTDATA "/resize.golden");
  CHECK(in.good(), "testdata/resize.golden can be read");
  std::vector<GoldenCase> cases;
  std::string line;
  while (std::getline(in, line)) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    GoldenCase golden;
    std::string kind, fit, interpolation;
    int width = 0, height = 0;
    std::uint32_t seed = 0;
    fields >> kind >> width >> height >> seed >> fit >> golden.spec.width_px >> golden.spec.height_px >>
        golden.spec.resize_shortest_px >> interpolation >> golden.value_kind >> golden.value;
    CHECK(!fields.fail(), "a golden line parses: ", line);
    golden.line = line.substr(0, 70);
    golden.source = testing::make_picture(kind, width, height, seed);
    golden.spec.fit = fit_named(fit);
    golden.spec.interpolation = interpolation_named(interpolation);
    golden.spec.scale = 1;  // plain pixel values
    cases.push_back(std::move(golden));
  }
  return cases;
}

/** Planar floats of whole pixel values back to interleaved bytes. */
std::vector<std::uint8_t> to_bytes(const std::vector<float>& planes) {
  const std::size_t plane = planes.size() / 3;
  std::vector<std::uint8_t> bytes(planes.size());
  for (std::size_t i = 0; i < planes.size(); ++i) {
    const float value = planes[i % 3 * plane + i / 3];
    CHECK(value >= 0 && value <= 255 && value == std::floor(value), "a pixel value: ", value);
    bytes[i] = static_cast<std::uint8_t>(value);
  }
  return bytes;
}

std::string described(const GoldenCase& golden, const std::vector<std::uint8_t>& bytes) {
  std::string text;
  char digits[17];
  if (golden.value_kind == "hash") {
    std::uint64_t hash = 0xCBF29CE484222325ULL;
    for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001B3ULL;
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
    return digits;
  }
  for (const std::uint8_t byte : bytes) {
    std::snprintf(digits, sizeof digits, "%02x", byte);
    text += digits;
  }
  return text;
}

}  // namespace

TEST(golden, fast_path_equals_opencv_and_pillow_bit_for_bit) {
  const std::vector<GoldenCase> cases = load_cases();
  CHECK(cases.size() >= 50);
  ThreadPool pool(2);
  testing::for_each_kernel_set([&](const std::string& isa) {
    for (const GoldenCase& golden : cases) {
      std::vector<float> out(preprocessed_floats(golden.spec));
      const Region region{golden.source.view(), std::nullopt};
      preprocess_batch({&region, 1}, golden.spec, out.data(), nullptr, pool);
      CHECK(described(golden, to_bytes(out)) == golden.value, "with ", isa, " for ", golden.line);
    }
  });
}

TEST(golden, reference_equals_opencv_and_pillow_bit_for_bit) {
  for (const GoldenCase& golden : load_cases()) {
    std::vector<float> out(preprocessed_floats(golden.spec));
    preprocess_reference({golden.source.view(), std::nullopt}, golden.spec, out.data(), nullptr);
    CHECK(described(golden, to_bytes(out)) == golden.value, "for ", golden.line);
  }
}
