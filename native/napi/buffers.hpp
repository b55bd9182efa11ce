#pragma once

#include <napi.h>

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "hazure/image.hpp"

namespace hazure {

/** What keeps a call's memory: shares of it, which any thread may drop. */
using Memory = std::vector<std::shared_ptr<const void>>;
/** JavaScript values that a call keeps alive until it is settled; for the JavaScript thread. */
using Pins = std::vector<Napi::ObjectReference>;

/** A typed array as it is at one moment. */
struct TypedBytes {
  /** One of napi_typedarray_type, or −1 for kinds that this Node-API does not know. */
  int type = -1;
  const std::byte* data = nullptr;
  std::size_t bytes = 0;
  /** Over a SharedArrayBuffer, which is never detached, never shrinks and never moves. */
  bool shared = false;
  /** Its buffer was transferred elsewhere: it has no memory. */
  bool detached = false;

  /** What came, for messages: `12 bytes`, `a detached buffer`. */
  [[nodiscard]] std::string came() const;
};

/**
 * Takes the memory of a call's typed arrays, after the last of its arguments was read. A call goes on when its
 * JavaScript is back in charge, which may resize, transfer or drop any buffer, so memory is
 * - held, where it can't go away: memory of the engine (results of earlier calls), SharedArrayBuffers;
 * - copied, where it can: everything else. Each array once a call, however often it is named.
 */
class BufferTaker {
 public:
  explicit BufferTaker(napi_env env);

  /** Looks at an array; takes nothing. @throws Failure INPUT_INVALID for anything else */
  TypedBytes look(const Napi::Value& value, const std::string& path) const;

  /** Memory that stays as long as `memory` and `pins` do: the array's own or a copy. */
  const std::byte* hold(const Napi::Value& value, const TypedBytes& bytes);
  /** Always a copy: for what must not change while it is read, as indices that are checked before they are used. */
  const std::byte* copy(const TypedBytes& bytes);
  /** Whether `hold` would copy. */
  [[nodiscard]] bool copies(const TypedBytes& bytes) const;
  /** A tight copy of some rows' pixels. */
  const std::byte* copy_rows(const std::byte* first, std::size_t row_bytes, std::size_t rows, std::ptrdiff_t stride);

  Memory memory;
  Pins pins;

 private:
  std::byte* room(std::size_t bytes);

  napi_env env_;
  std::unordered_map<const std::byte*, std::pair<std::size_t, const std::byte*>> held_;
};

}  // namespace hazure
