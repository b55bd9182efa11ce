#include "blocks.hpp"

#include <cstdint>
#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

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

Block make_block(std::byte* memory, std::size_t bytes, std::function<void(std::byte*)> give_back) {
  // Forgotten before it is given back: as long as it is known, its address is nobody else's.
  auto drop = [give_back = std::move(give_back)](std::byte* dropped) {
    {
      const std::lock_guard lock(registry().mutex);
      registry().entries.erase(address(dropped));
    }
    give_back(dropped);
  };
  Block block(memory, std::move(drop));
  const std::lock_guard lock(registry().mutex);
  registry().entries.insert_or_assign(address(memory), Entry{bytes, block});
  return block;
}

Block make_block(std::unique_ptr<std::byte[], FreeDeleter> memory, std::size_t bytes) {
  return make_block(memory.release(), bytes, [](std::byte* freed) { std::free(freed); });
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
