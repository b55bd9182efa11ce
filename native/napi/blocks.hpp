#pragma once

#include <cstddef>
#include <memory>

#include "hazure/engine/tensor.hpp"

namespace hazure {

/**
 * Memory of the engine that JavaScript has a view of. It is freed when nobody has a share any more: neither a JavaScript
 * buffer over it, wherever that was transferred to, nor a call that reads it. All functions from any thread.
 */
using Block = std::shared_ptr<std::byte>;

/** @param bytes at least 1 */
Block make_block(std::unique_ptr<std::byte[], FreeDeleter> memory, std::size_t bytes);

/** A share of the block that all of [data, data + bytes) lies in; null where there is none. */
Block block_of(const void* data, std::size_t bytes);

}  // namespace hazure
