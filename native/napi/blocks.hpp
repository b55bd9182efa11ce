#pragma once

#include <cstddef>
#include <functional>
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

/**
 * The same for memory of another kind, as a decoder's own store of images.
 * @param give_back  called once, on any thread, also where this throws
 */
Block make_block(std::byte* memory, std::size_t bytes, std::function<void(std::byte*)> give_back);

/** A share of the block that all of [data, data + bytes) lies in; null where there is none. */
Block block_of(const void* data, std::size_t bytes);

}  // namespace hazure
