#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hazure/detections.hpp"
#include "hazure/preprocess.hpp"

namespace bench {

std::vector<std::uint8_t> noise(int width, int height);

struct PreprocessCase {
  std::string name;
  int width;
  int height;
  hazure::PreprocessSpec spec;
};
/** Detector inputs from photo sizes, embedder inputs from crop sizes. */
std::vector<PreprocessCase> preprocess_cases();

struct DecodeCase {
  std::string name;
  hazure::DetectOptions options;
  std::vector<float> output;  // [84, 8400]
};
/** From a usual photo to the worst that a model could put out. */
std::vector<DecodeCase> decode_cases();

}  // namespace bench
