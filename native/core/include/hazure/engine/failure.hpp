#pragma once

#include <exception>
#include <string>
#include <vector>

#include "hazure/error.hpp"

namespace hazure {

/** The permanent error code of the TypeScript side that an error of a kind gets where nothing finer is known. */
const char* default_code(ErrorKind kind);

/** An Error with a finer code than its kind tells, e.g. MODEL_MISSING among the kModel ones. */
class Failure : public Error {
 public:
  Failure(const char* code, ErrorKind kind, const std::string& message, std::string hint = {})
      : Error(kind, message, std::move(hint)), code_(code) {}

  /** One of ERROR_CODES in libs/contracts; a string literal. */
  [[nodiscard]] const char* code() const noexcept { return code_; }

 private:
  const char* code_;
};

/** An error as it crosses to JavaScript. */
struct FailureRecord {
  std::string code;
  std::string message;
  std::string hint;
  /** Places of the items of the call that are at fault, where only some are. */
  std::vector<std::size_t> items = {};
};

/** True where a message of ONNX Runtime, CUDA or the C++ runtime tells of exhausted memory, on any device. */
bool speaks_of_memory(const std::string& message);

/**
 * The record of any exception. std::bad_alloc and messages about memory are DEVICE_OUT_OF_MEMORY wherever they come
 * from; what was not thrown on purpose is INTERNAL.
 */
FailureRecord failure_record(const std::exception_ptr& error);

}  // namespace hazure
