#include "blocks.hpp"

#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>

namespace hazure {
namespace {

struct Entry {
  std::size_t bytes;
  std::weak_ptr<std::byte> block;
};

struct Registry {
  std::mutex mutex;
  std::map<std::uintptr_t, Entry> entries;  // by first byte
};

Registry& registry() {
  // Leaked on purpose: buffers may be freed after static destructors ran.
  static auto* all = new Registry();
  return *all;
}

std::uintptr_t address(const void* data) { return reinterpret_cast<std::uintptr_t>(data); }

}  // namespace

Block make_block(std::unique_ptr<std::byte[], FreeDeleter> memory, std::size_t bytes) {
  std::byte* const raw = memory.get();
  // Forgotten before it is freed: as long as it is known, its address is nobody else's.
  const auto drop = [](std::byte* dropped) {
    {
      const std::lock_guard lock(registry().mutex);
      registry().entries.erase(address(dropped));
    }
    std::free(dropped);
  };
  memory.release();  // from here on the block frees it, also where making it fails
  Block block(raw, drop);
  const std::lock_guard lock(registry().mutex);
  registry().entries.insert_or_assign(address(raw), Entry{bytes, block});
  return block;
}

Block block_of(const void* data, std::size_t bytes) {
  const std::lock_guard lock(registry().mutex);
  auto after = registry().entries.upper_bound(address(data));
  if (after == registry().entries.begin()) return nullptr;
  const auto& [first, entry] = *std::prev(after);
  const std::size_t offset = address(data) - first;
  if (offset > entry.bytes || bytes > entry.bytes - offset) return nullptr;
  return entry.block.lock();
}

}  // namespace hazure
