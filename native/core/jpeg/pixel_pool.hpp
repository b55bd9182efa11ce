#pragma once

#include <cstddef>
#include <cstdint>

namespace hazure::pixel_pool {

/**
 * Memory for decoded images. What is given back is kept for the next image of about its size: fresh pages cost as
 * much as a third of decoding (libs/vision/bench/decode.mjs). At most 256 MiB are kept idle. From any thread.
 *
 * @throws std::bad_alloc
 */
std::uint8_t* take(std::size_t bytes);
/** @param bytes as asked for in `take` */
void give_back(std::uint8_t* memory, std::size_t bytes) noexcept;

}  // namespace hazure::pixel_pool
