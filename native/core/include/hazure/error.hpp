#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

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

/** An Error that is the fault of some items of a batch: the others would have gone through. */
class ItemError : public Error {
 public:
  /**
   * @param cause  what is wrong with the first of them
   * @param items  their places in the batch, ascending, at least one
   */
  ItemError(ErrorKind kind, const std::string& cause, const std::string& hint, std::vector<std::size_t> items);

  [[nodiscard]] const std::vector<std::size_t>& items() const noexcept { return items_; }
  /** The same, where the batch is a piece that begins at item `first` of a larger one. */
  [[nodiscard]] ItemError in_batch(std::size_t first) const;

 private:
  std::string cause_;
  std::vector<std::size_t> items_;
};

}  // namespace hazure
