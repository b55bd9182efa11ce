#include <atomic>
#include <vector>

#include "kernels/kernels.hpp"

namespace hazure::kernels {
namespace {

const std::vector<const KernelTable*>& runnable() {
  static const std::vector<const KernelTable*> tables = [] {
    std::vector<const KernelTable*> found{&kGeneric};
#if defined(HAZURE_X86_KERNELS)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) found.push_back(&kAvx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
      found.push_back(&kAvx512);
      if (__builtin_cpu_supports("avx512vnni")) found.push_back(&kAvx512Vnni);
    }
#endif
    return found;
  }();
  return tables;
}

std::atomic<const KernelTable*>& chosen() {
  static std::atomic<const KernelTable*> table{runnable().back()};
  return table;
}

}  // namespace

const KernelTable& active() { return *chosen().load(std::memory_order_relaxed); }

std::span<const KernelTable* const> available() { return runnable(); }

bool force(std::string_view name) {
  for (const KernelTable* table : runnable()) {
    if (name == table->name) {
      chosen().store(table, std::memory_order_relaxed);
      return true;
    }
  }
  return false;
}

}  // namespace hazure::kernels
