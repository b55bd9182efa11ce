#pragma once

#include <cstddef>
#include <memory>

namespace hazure {

/**
 * Memory for a copy, from those that earlier calls gave back where one fits: fresh memory of a picture's size costs more
 * in page faults than the copying itself. At most kIdleBytes wait for reuse. From any thread.
 *
 * @throws Error kOutOfDeviceMemory, std::bad_alloc
 */
std::shared_ptr<std::byte> memory_for_copy(std::size_t bytes);

inline constexpr std::size_t kIdleBytes = std::size_t{64} << 20;

}  // namespace hazure
