#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "environment.hpp"

namespace hazure {

enum class HandleKind { kSession, kDetector, kEmbedder };

/** An opaque JavaScript object, tagged with its kind, that owns a share of `object`. */
Napi::Object make_handle(Napi::Env env, HandleKind kind, std::shared_ptr<EngineObject> object);

/**
 * After the last read of a call: JavaScript that ran later could close it.
 * @throws Failure INPUT_INVALID for anything that is no open handle of this kind
 */
std::shared_ptr<EngineObject> open_handle(const Napi::Value& value, HandleKind kind);

/** As open_handle, for a handle of any kind; null when it was closed before. Afterwards it is closed. */
std::shared_ptr<EngineObject> take_handle(const Napi::Value& value);

}  // namespace hazure
