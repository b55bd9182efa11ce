#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace hazure {

/** Limits of the cgroup this process lives in, the tightest on the way up to the root; v1 and v2. */
struct CgroupLimits {
  std::optional<double> cpus;
  std::optional<std::uint64_t> memory_bytes;
  /** In use and not reclaimable, in the cgroup whose limit leaves least. */
  std::uint64_t memory_used_bytes = 0;
};

/** @param root  stands for `/` so that tests can lay out their own /proc and /sys */
CgroupLimits read_cgroup_limits(const std::filesystem::path& root = "/");

}  // namespace hazure
