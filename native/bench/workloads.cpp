#include "workloads.hpp"

#include <cmath>

namespace bench {
namespace {

using namespace hazure;

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  double real(double low, double high) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return low + (high - low) * (double(state_ >> 11) * 0x1p-53);
  }

 private:
  std::uint64_t state_;
};

PreprocessCase detector(const char* size_name, int width, int height, int side) {
  PreprocessSpec spec;
  spec.width_px = spec.height_px = side;
  spec.fit = FitMode::kLetterboxCentre;
  spec.interpolation = Interpolation::kBilinear;
  return {std::string("bilinear letterbox ") + size_name, width, height, spec};
}

PreprocessCase embedder(const char* name, int width, int height, Interpolation interpolation) {
  PreprocessSpec spec;
  spec.width_px = spec.height_px = 224;
  spec.fit = FitMode::kCentreCrop;
  spec.interpolation = interpolation;
  spec.mean = {0.485F, 0.456F, 0.406F};
  spec.std = {0.229F, 0.224F, 0.225F};
  return {name, width, height, spec};
}

constexpr int kAnchors = 8400;
constexpr int kClasses = 80;

/** Every score the same small value, boxes as `box(anchor)` says. */
template <typename Box>
std::vector<float> output_of(Box&& box) {
  std::vector<float> data(std::size_t{4 + kClasses} * kAnchors, 0.001F);
  for (int a = 0; a < kAnchors; ++a) {
    const auto [cx, cy, w, h] = box(a);
    const float values[4] = {cx, cy, w, h};
    for (int i = 0; i < 4; ++i) data[std::size_t(i * kAnchors + a)] = values[i];
  }
  return data;
}

float& score(std::vector<float>& data, int anchor, int class_id) {
  return data[std::size_t((4 + class_id) * kAnchors + anchor)];
}

struct Box {
  float cx, cy, w, h;
};

}  // namespace

std::vector<std::uint8_t> noise(int width, int height) {
  std::vector<std::uint8_t> pixels(std::size_t{3} * std::size_t(width) * std::size_t(height));
  std::uint32_t state = 12345;
  for (std::uint8_t& pixel : pixels) {
    state = state * 1664525U + 1013904223U;
    pixel = static_cast<std::uint8_t>(state >> 24);
  }
  return pixels;
}

std::vector<PreprocessCase> preprocess_cases() {
  return {
      detector("640×480 → 640 (no scaling)", 640, 480, 640),
      detector("500×375 → 640", 500, 375, 640),
      detector("1280×960 → 640", 1280, 960, 640),
      detector("1920×1080 → 640", 1920, 1080, 640),
      detector("4000×3000 → 640", 4000, 3000, 640),
      embedder("bilinear crop 300×260 → 224", 300, 260, Interpolation::kBilinear),
      embedder("bicubic antialias crop 90×120 → 224", 90, 120, Interpolation::kBicubicAntialias),
      embedder("bicubic antialias crop 300×260 → 224", 300, 260, Interpolation::kBicubicAntialias),
      embedder("bicubic antialias photo 1280×960 → 224", 1280, 960, Interpolation::kBicubicAntialias),
      embedder("bilinear antialias photo 1280×960 → 224", 1280, 960, Interpolation::kBilinearAntialias),
  };
}

std::vector<DecodeCase> decode_cases() {
  Random random(7);
  std::vector<DecodeCase> cases;
  const DetectOptions usual{.confidence = 0.25F, .iou = 0.45F, .max_detections = 300, .class_ids = std::nullopt};
  const auto random_box = [&](int) {
    return Box{float(random.real(0, 640)), float(random.real(0, 640)), float(random.real(8, 200)), float(random.real(8, 200))};
  };

  DecodeCase photo{"usual: 40 anchors above the threshold", usual, output_of(random_box)};
  for (int i = 0; i < 40; ++i) score(photo.output, i * 200, i % 9) = float(random.real(0.3, 0.9));
  cases.push_back(std::move(photo));

  DecodeCase spread{"all 8400 above the threshold, 80 classes, random boxes", usual, output_of(random_box)};
  for (int a = 0; a < kAnchors; ++a) score(spread.output, a, a % kClasses) = float(random.real(0.3, 0.9));
  cases.push_back(spread);

  DecodeCase one{"all 8400 above the threshold, one class, random boxes", usual, output_of(random_box)};
  for (int a = 0; a < kAnchors; ++a) score(one.output, a, 0) = float(random.real(0.3, 0.9));
  cases.push_back(one);

  // Worst: 299 boxes apart from each other win, the other 8101 are copies of the first winner, and chunks are
  // searched from the latest: every candidate is held against nearly all 299.
  DecodeCase worst{"all 8400 above the threshold, one class, each held against 299 kept", usual, output_of([](int a) {
                     const int cell = a < 299 ? a : 0;
                     return Box{float(cell % 20) * 32 + 16, float(cell / 20) * 32 + 16, 30, 30};
                   })};
  for (int a = 0; a < kAnchors; ++a) score(worst.output, a, 0) = a < 299 ? 0.9F - 0.0001F * float(a) : 0.5F - 0.00001F * float(a);
  cases.push_back(worst);

  one.name += ", no limit on detections";
  one.options.max_detections = kAnchors;
  one.options.iou = 0.7F;
  cases.push_back(std::move(one));
  return cases;
}

}  // namespace bench
