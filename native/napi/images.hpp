#pragma once

#include <napi.h>

namespace hazure {

// Exports about image files; signatures in libs/native-engine/src/raw-binding.ts.
Napi::Value open_jpeg(const Napi::CallbackInfo& info);
Napi::Value decode_jpeg(const Napi::CallbackInfo& info);
Napi::Value encode_jpeg(const Napi::CallbackInfo& info);
Napi::Value release_pixels(const Napi::CallbackInfo& info);
Napi::Value pixel_traffic(const Napi::CallbackInfo& info);

}  // namespace hazure
