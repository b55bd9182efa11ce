#pragma once

#include <napi.h>

namespace hazure {

// Matrix work for the algorithm rooms; signatures in libs/native-engine/src/raw-binding.ts.
Napi::Value nearest_rows_call(const Napi::CallbackInfo& info);
Napi::Value transform_rows_call(const Napi::CallbackInfo& info);
Napi::Value moment_sums_call(const Napi::CallbackInfo& info);

}  // namespace hazure
