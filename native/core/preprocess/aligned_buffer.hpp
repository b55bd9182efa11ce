#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

namespace hazure {

/** Grow-only scratch memory on cache-line boundaries. Growing zeroes it and drops what it held. */
template <typename T>
class AlignedBuffer {
 public:
  static constexpr std::size_t kAlignment = 64;

  T* reserve(std::size_t count) {
    if (count > capacity_) {
      data_.reset();
      capacity_ = 0;
      data_.reset(static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{kAlignment})));
      std::memset(static_cast<void*>(data_.get()), 0, count * sizeof(T));
      capacity_ = count;
    }
    return data_.get();
  }

 private:
  struct Free {
    void operator()(T* memory) const noexcept { ::operator delete(memory, std::align_val_t{kAlignment}); }
  };
  std::unique_ptr<T, Free> data_;
  std::size_t capacity_ = 0;
};

constexpr int round_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

}  // namespace hazure
