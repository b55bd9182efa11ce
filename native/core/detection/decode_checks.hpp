#pragma once

#include <span>

#include "hazure/detections.hpp"

// Refusals that the CPU and the device decoder share, worded once.
namespace hazure {

/** @throws Error(kInput) for options out of range and sources without size or usable placement */
void check_decode_arguments(std::span<const DetectionSource> sources, const DetectOptions& options);

/** Scores above this are no sigmoid values: those end at 1, and fp16 rounding goes a little beyond at most. */
inline constexpr float kHighestScore = 1.01F;

[[noreturn]] void refuse_nan_scores();
[[noreturn]] void refuse_high_score();
[[noreturn]] void refuse_non_finite_box();

}  // namespace hazure
