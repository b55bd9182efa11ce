#pragma once

// Every file that uses ONNX Runtime includes it through here: the library is opened at run time, so the C++ API must
// not look for OrtGetApiBase at link time.
#ifndef ORT_API_MANUAL_INIT
#define ORT_API_MANUAL_INIT
#endif
#include <onnxruntime_cxx_api.h>
