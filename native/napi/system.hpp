#pragma once

#include <napi.h>

namespace hazure {

// Exports about the machine and the runtime; signatures in libs/native-engine/src/raw-binding.ts.
Napi::Value open_runtime(const Napi::CallbackInfo& info);
Napi::Value info(const Napi::CallbackInfo& info);
Napi::Value providers(const Napi::CallbackInfo& info);
Napi::Value memory(const Napi::CallbackInfo& info);

}  // namespace hazure
