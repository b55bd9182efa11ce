#pragma once

#include <napi.h>

namespace hazure {

// Exports that need no model; signatures in libs/native-engine/src/raw-binding.ts.
Napi::Value preprocess(const Napi::CallbackInfo& info);
Napi::Value decode(const Napi::CallbackInfo& info);

}  // namespace hazure
