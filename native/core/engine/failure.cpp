#include "hazure/engine/failure.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <new>
#include <string_view>

namespace hazure {
namespace {

constexpr const char* kMemoryHint = "Use a smaller batch size, or close other programs that use this memory.";
constexpr const char* kMemoryCode = "DEVICE_OUT_OF_MEMORY";

}  // namespace

const char* default_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kInput:
      return "INPUT_INVALID";
    case ErrorKind::kModel:
      return "MODEL_INVALID";
    case ErrorKind::kDevice:
      return "DEVICE_FAILED";
    case ErrorKind::kOutOfDeviceMemory:
      return kMemoryCode;
  }
  return "INTERNAL";
}

bool speaks_of_memory(const std::string& message) {
  // BFCArena: "Failed to allocate memory for requested buffer of size N", "Available memory of N is smaller than
  // requested"; CUDA: "out of memory", CUDA_ERROR_OUT_OF_MEMORY, cudaErrorMemoryAllocation; cuBLAS and cuDNN:
  // …_STATUS_ALLOC_FAILED; TensorRT: OutOfMemory; libstdc++: std::bad_alloc.
  static constexpr std::array<std::string_view, 9> phrases = {
      "failed to allocate memory", "out of memory", "out_of_memory",  "outofmemory",         "memoryallocation",
      "alloc_failed",              "bad_alloc",     "bad allocation", "available memory of",
  };
  std::string text = message;
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return std::any_of(phrases.begin(), phrases.end(),
                     [&](std::string_view phrase) { return text.find(phrase) != std::string::npos; });
}

FailureRecord failure_record(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Failure& failure) {
    return {failure.code(), failure.what(), failure.hint()};
  } catch (const ItemError& failure) {
    return {default_code(failure.kind()), failure.what(), failure.hint(), failure.items()};
  } catch (const Error& failure) {
    return {default_code(failure.kind()), failure.what(), failure.hint()};
  } catch (const std::bad_alloc&) {
    return {kMemoryCode, "The host ran out of memory", kMemoryHint};
  } catch (const std::exception& failure) {
    if (speaks_of_memory(failure.what())) return {kMemoryCode, failure.what(), kMemoryHint};
    return {"INTERNAL", failure.what(), {}};
  } catch (...) {
    return {"INTERNAL", "An unknown exception was thrown in the engine", {}};
  }
}

}  // namespace hazure
