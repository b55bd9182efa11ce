#include "system/cgroup.hpp"

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace hazure {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  if (!in || !std::getline(in, line)) return std::nullopt;
  return line;
}

std::optional<std::uint64_t> number_in(const fs::path& file) {
  const auto line = first_line(file);
  if (!line || line->empty() || line->find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  try {
    return std::stoull(*line);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

/** A `key value` line of memory.stat, 0 when it isn't there. */
std::uint64_t stat_value(const fs::path& file, const std::string& key) {
  std::ifstream in(file);
  std::string name;
  std::uint64_t value = 0;
  while (in >> name >> value) {
    if (name == key) return value;
  }
  return 0;
}

void tighten_cpus(CgroupLimits& limits, double cpus) {
  if (cpus > 0 && (!limits.cpus || cpus < *limits.cpus)) limits.cpus = cpus;
}

/** Page cache that the kernel gives back first counts as free. */
void tighten_memory(CgroupLimits& limits, std::uint64_t limit, std::uint64_t usage, std::uint64_t reclaimable) {
  const std::uint64_t used = usage > reclaimable ? usage - reclaimable : 0;
  const auto left = [](std::uint64_t total, std::uint64_t taken) { return total > taken ? total - taken : 0; };
  if (!limits.memory_bytes || left(limit, used) < left(*limits.memory_bytes, limits.memory_used_bytes)) {
    limits.memory_bytes = limit;
    limits.memory_used_bytes = used;
  }
}

void read_v2(const fs::path& directory, CgroupLimits& limits) {
  if (const auto line = first_line(directory / "cpu.max")) {
    std::istringstream fields(*line);
    std::string quota;
    double period = 0;
    if (fields >> quota >> period && quota != "max" && period > 0) {
      try {
        tighten_cpus(limits, std::stod(quota) / period);
      } catch (const std::exception&) {
        // Not a number: no limit that we understand.
      }
    }
  }
  if (const auto limit = number_in(directory / "memory.max")) {
    tighten_memory(limits, *limit, number_in(directory / "memory.current").value_or(0),
                   stat_value(directory / "memory.stat", "inactive_file"));
  }
}

void read_v1_cpu(const fs::path& directory, CgroupLimits& limits) {
  const auto quota = number_in(directory / "cpu.cfs_quota_us");  // "-1" = no limit, which is no plain number
  const auto period = number_in(directory / "cpu.cfs_period_us");
  if (quota && period && *period > 0) tighten_cpus(limits, double(*quota) / double(*period));
}

void read_v1_memory(const fs::path& directory, CgroupLimits& limits) {
  constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 60;
  const auto limit = number_in(directory / "memory.limit_in_bytes");
  if (limit && *limit < kUnlimited) {
    tighten_memory(limits, *limit, number_in(directory / "memory.usage_in_bytes").value_or(0),
                   stat_value(directory / "memory.stat", "total_inactive_file"));
  }
}

/** `directory` and each of its parents down to and including `mount`; a container often sees only `mount`. */
template <typename Read>
void walk_up(const fs::path& mount, const std::string& inner, CgroupLimits& limits, Read read) {
  fs::path relative = fs::path(inner).relative_path();
  for (;;) {
    read(mount / relative, limits);
    if (relative.empty()) return;
    relative = relative.parent_path();
  }
}

bool has_controller(const std::string& list, const std::string& wanted) {
  std::istringstream names(list);
  std::string name;
  while (std::getline(names, name, ',')) {
    if (name == wanted) return true;
  }
  return false;
}

}  // namespace

CgroupLimits read_cgroup_limits(const fs::path& root) {
  CgroupLimits limits;
  const fs::path mounts = root / "sys/fs/cgroup";
  std::ifstream in(root / "proc/self/cgroup");
  std::string line;
  while (std::getline(in, line)) {  // hierarchy-ID:controllers:path
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string inner = line.substr(second + 1);
    if (controllers.empty()) walk_up(mounts, inner, limits, read_v2);
    if (has_controller(controllers, "cpu")) walk_up(mounts / "cpu", inner, limits, read_v1_cpu);
    if (has_controller(controllers, "memory")) walk_up(mounts / "memory", inner, limits, read_v1_memory);
  }
  return limits;
}

}  // namespace hazure
