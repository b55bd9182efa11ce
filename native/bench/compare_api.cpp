// A C face on preprocessing for tools/native-compare, which times it beside other libraries in one process.
#include <cstdint>
#include <vector>

#include "hazure/error.hpp"
#include "hazure/preprocess.hpp"

#if defined(_WIN32)
#define HAZURE_EXPORT __declspec(dllexport)
#else
#define HAZURE_EXPORT __attribute__((visibility("default")))
#endif

/**
 * `count` equally sized RGB images to `count × 3 × side × side` floats of 0 to 1 on one thread; `fit` and
 * `interpolation` count as in the enums. Returns 0, or 1 for an error.
 */
extern "C" HAZURE_EXPORT int hazure_preprocess(const std::uint8_t* const* images, int count, int width, int height,
                                               int side, int fit, int interpolation, float* out) {
  static hazure::ThreadPool pool(1);
  hazure::PreprocessSpec spec;
  spec.width_px = spec.height_px = side;
  spec.fit = static_cast<hazure::FitMode>(fit);
  spec.interpolation = static_cast<hazure::Interpolation>(interpolation);
  thread_local std::vector<hazure::Region> regions;
  try {
    regions.clear();
    for (int i = 0; i < count; ++i) regions.push_back({{images[i], width, height, 0}, std::nullopt});
    hazure::preprocess_batch(regions, spec, out, nullptr, pool);
  } catch (const hazure::Error&) {
    return 1;
  }
  return 0;
}
