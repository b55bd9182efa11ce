#include "pixel_pool.hpp"

#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

namespace hazure::pixel_pool {
namespace {

constexpr std::size_t kMostIdleBytes = std::size_t{256} << 20;
/** Smaller ones come from pages that the allocator holds anyway. */
constexpr std::size_t kSmallest = std::size_t{128} << 10;

/** Eight sizes to a doubling, so that at most an eighth is lost. */
std::size_t rounded(std::size_t bytes) {
  const std::size_t step = std::bit_floor(bytes) / 8;
  return (bytes + step - 1) / step * step;
}

struct Pool {
  std::mutex mutex;
  std::map<std::size_t, std::vector<std::uint8_t*>> idle;
  std::size_t idle_bytes = 0;
};

Pool& pool() {
  // Leaked on purpose: buffers come back while a process ends.
  static auto* shared = new Pool();
  return *shared;
}

}  // namespace

std::uint8_t* take(std::size_t bytes) {
  std::size_t size = bytes;
  if (bytes >= kSmallest) {
    size = rounded(bytes);
    Pool& shared = pool();
    const std::lock_guard lock(shared.mutex);
    const auto found = shared.idle.find(size);
    if (found != shared.idle.end() && !found->second.empty()) {
      std::uint8_t* memory = found->second.back();
      found->second.pop_back();
      shared.idle_bytes -= size;
      return memory;
    }
  }
  auto* memory = static_cast<std::uint8_t*>(std::malloc(size));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void give_back(std::uint8_t* memory, std::size_t bytes) noexcept {
  if (memory == nullptr) return;
  if (bytes >= kSmallest) {
    const std::size_t size = rounded(bytes);
    try {
      Pool& shared = pool();
      const std::lock_guard lock(shared.mutex);
      if (shared.idle_bytes + size <= kMostIdleBytes) {
        shared.idle[size].push_back(memory);
        shared.idle_bytes += size;
        return;
      }
    } catch (...) {
      // No memory for the list: the buffer goes.
    }
  }
  std::free(memory);
}

}  // namespace hazure::pixel_pool
