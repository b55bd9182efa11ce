#include <napi.h>

#include "calls.hpp"
#include "environment.hpp"
#include "matrix.hpp"
#include "images.hpp"
#include "models.hpp"
#include "system.hpp"

namespace hazure {
namespace {

// The names here, libs/native-engine/src/raw-binding.ts and docs/reference/native-addon.md are compared by a test.
Napi::Object init(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new Environment(env));
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("openRuntime", open_runtime);
  add("info", info);
  add("providers", providers);
  add("memory", memory);
  add("loadSession", load_session);
  add("runSession", run_session);
  add("loadDetector", load_detector);
  add("detect", detect);
  add("detectMasks", detect_masks);
  add("loadEmbedder", load_embedder);
  add("embed", embed);
  add("close", close);
  add("preprocess", preprocess);
  add("decodeDetections", decode);
  add("nearestRows", nearest_rows_call);
  add("transformRows", transform_rows_call);
  add("momentSums", moment_sums_call);
  add("openJpeg", open_jpeg);
  add("decodeJpeg", decode_jpeg);
  add("encodeJpeg", encode_jpeg);
  add("releasePixels", release_pixels);
  add("pixelTraffic", pixel_traffic);
  return exports;
}

NODE_API_MODULE(hazure, init)

}  // namespace
}  // namespace hazure
