#include "copies.hpp"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

#include "hazure/checked_size.hpp"

namespace hazure {
namespace {

/** Below this malloc is as good. */
constexpr std::size_t kLeastKept = std::size_t{64} << 10;

#ifdef __SANITIZE_ADDRESS__
constexpr bool kReuse = false;  // it would hide reads of what was given back
#else
constexpr bool kReuse = true;
#endif

class Shelf {
 public:
  struct Piece {
    std::byte* memory = nullptr;
    std::size_t bytes = 0;
  };

  /** The smallest that fits and is not twice as large. */
  Piece take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    auto best = idle_.end();
    for (auto each = idle_.begin(); each != idle_.end(); ++each) {
      const bool fits = each->bytes >= bytes && each->bytes / 2 <= bytes;
      if (fits && (best == idle_.end() || each->bytes < best->bytes)) best = each;
    }
    if (best == idle_.end()) return {};
    const Piece found = *best;
    idle_.erase(best);
    idle_bytes_ -= found.bytes;
    return found;
  }

  void give(Piece piece) noexcept {
    if (kReuse && piece.bytes >= kLeastKept && piece.bytes <= kIdleBytes) {
      const std::lock_guard lock(mutex_);
      // The oldest go first: sizes that are no longer asked for.
      while (!idle_.empty() && idle_bytes_ + piece.bytes > kIdleBytes) {
        idle_bytes_ -= idle_.front().bytes;
        std::free(idle_.front().memory);
        idle_.erase(idle_.begin());
      }
      if (idle_.size() < idle_.capacity()) {
        idle_.push_back(piece);
        idle_bytes_ += piece.bytes;
        return;
      }
    }
    std::free(piece.memory);
  }

  Shelf() { idle_.reserve(kIdleBytes / kLeastKept); }

 private:
  std::mutex mutex_;
  std::vector<Piece> idle_;
  std::size_t idle_bytes_ = 0;
};

Shelf& shelf() {
  // Leaked on purpose: threads give back while the process ends.
  static auto* all = new Shelf();
  return *all;
}

}  // namespace

std::shared_ptr<std::byte> memory_for_copy(std::size_t bytes) {
  Shelf::Piece piece = shelf().take(bytes);
  if (piece.memory == nullptr) {
    piece.bytes = std::max<std::size_t>(host_bytes(bytes, "a copy of a buffer that may go away"), 1);
    piece.memory = static_cast<std::byte*>(std::malloc(piece.bytes));
    if (piece.memory == nullptr) throw std::bad_alloc();
  }
  return {piece.memory, [piece](std::byte*) { shelf().give(piece); }};
}

}  // namespace hazure
