#include "hazure/system_info.hpp"

#include <algorithm>
#include <fstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

#include "system/cgroup.hpp"
#include "kernels/kernels.hpp"

namespace hazure {
namespace {

int affinity_cores() {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

/** A line `Key:   123 kB` of /proc/meminfo in bytes. */
std::uint64_t meminfo_bytes(const std::string& key) {
  std::ifstream in("/proc/meminfo");
  std::string name;
  std::string rest;
  std::uint64_t kibibytes = 0;
  while (in >> name >> kibibytes && std::getline(in, rest)) {
    if (name == key) return kibibytes * 1024;
  }
  return 0;
}

}  // namespace

int usable_cores() {
  const int cores = affinity_cores();
  const auto limit = read_cgroup_limits().cpus;
  if (!limit || *limit >= cores) return cores;
  return std::max(1, static_cast<int>(*limit));
}

HostMemory host_memory() {
  HostMemory memory{meminfo_bytes("MemTotal:"), meminfo_bytes("MemAvailable:")};
  const CgroupLimits limits = read_cgroup_limits();
  if (limits.memory_bytes && *limits.memory_bytes < memory.total_bytes) {
    memory.total_bytes = *limits.memory_bytes;
    const std::uint64_t left =
        *limits.memory_bytes > limits.memory_used_bytes ? *limits.memory_bytes - limits.memory_used_bytes : 0;
    memory.free_bytes = std::min(memory.free_bytes, left);
  }
  return memory;
}

std::vector<std::string> cpu_features() {
  std::vector<std::string> features;
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_cpu_init();
  // __builtin_cpu_supports wants a literal.
#define HAZURE_FEATURE(name) \
  if (__builtin_cpu_supports(name)) features.emplace_back(name)
  HAZURE_FEATURE("sse4.1");
  HAZURE_FEATURE("avx");
  HAZURE_FEATURE("avx2");
  HAZURE_FEATURE("fma");
  HAZURE_FEATURE("avx512f");
  HAZURE_FEATURE("avx512bw");
  HAZURE_FEATURE("avx512vl");
  HAZURE_FEATURE("avx512vnni");
#undef HAZURE_FEATURE
#elif defined(__aarch64__)
  features.emplace_back("neon");
#endif
  return features;
}

std::string kernel_isa() { return kernels::active().name; }

}  // namespace hazure
