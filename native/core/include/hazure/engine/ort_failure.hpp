#pragma once

#include <string>

#include "hazure/engine/failure.hpp"
#include "hazure/engine/ort_api.hpp"

namespace hazure {

/** @throws Failure why a model did not load; `path` is named in it. */
[[noreturn]] void throw_load_failure(const Ort::Exception& error, const std::string& path);

/** @throws Failure why a run failed: out of memory, interrupted, wrong feeds, or the device. */
[[noreturn]] void throw_run_failure(const Ort::Exception& error);

/** @throws Failure why a run under a CUDA graph failed: as throw_run_failure, with what to do about the graph. */
[[noreturn]] void throw_graph_failure(const Ort::Exception& error);

}  // namespace hazure
