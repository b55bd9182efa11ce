#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace hazure {

/** Which of the TypeScript error classes an error becomes. */
enum class ErrorKind {
  kInput,              // InputError: bad arguments or pixels
  kModel,              // ModelError: the model, or what it put out, is not what was described
  kDevice,             // DeviceError: a device, driver or runtime library refused or failed
  kOutOfDeviceMemory,  // OutOfDeviceMemoryError: retry with a smaller batch
};

/** Everything the engine throws on purpose: what was expected and what came, and what to do next. */
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message, std::string hint = {})
      : std::runtime_error(message), kind_(kind), hint_(std::move(hint)) {}

  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
  /** One sentence, or empty. */
  [[nodiscard]] const std::string& hint() const noexcept { return hint_; }

 private:
  ErrorKind kind_;
  std::string hint_;
};

}  // namespace hazure
