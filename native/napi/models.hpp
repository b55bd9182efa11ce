#pragma once

#include <napi.h>

namespace hazure {

// Exports about loaded models; signatures in libs/native-engine/src/raw-binding.ts.
Napi::Value load_session(const Napi::CallbackInfo& info);
Napi::Value run_session(const Napi::CallbackInfo& info);
Napi::Value load_detector(const Napi::CallbackInfo& info);
Napi::Value detect(const Napi::CallbackInfo& info);
Napi::Value detect_masks(const Napi::CallbackInfo& info);
Napi::Value load_embedder(const Napi::CallbackInfo& info);
Napi::Value embed(const Napi::CallbackInfo& info);
Napi::Value close(const Napi::CallbackInfo& info);

}  // namespace hazure
