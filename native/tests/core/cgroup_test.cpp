#include "system/cgroup.hpp"

#include <unistd.h>

#include <fstream>

#include "check.hpp"
#include "hazure/system_info.hpp"
#include "kernels/kernels.hpp"

namespace fs = std::filesystem;

namespace {

/** A root folder with its own /proc and /sys, gone at the end of the test. */
class FakeRoot {
 public:
  FakeRoot() {
    std::string pattern = (fs::temp_directory_path() / "hazure-cgroup-XXXXXX").string();
    CHECK(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~FakeRoot() { fs::remove_all(path_); }
  FakeRoot(const FakeRoot&) = delete;
  FakeRoot& operator=(const FakeRoot&) = delete;

  void write(const std::string& file, const std::string& text) const {
    fs::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file) << text;
  }
  [[nodiscard]] hazure::CgroupLimits read() const { return hazure::read_cgroup_limits(path_); }

 private:
  fs::path path_;
};

}  // namespace

TEST(cgroup, nothing_there_means_no_limits) {
  const FakeRoot root;
  CHECK(!root.read().cpus.has_value());
  CHECK(!root.read().memory_bytes.has_value());
}

TEST(cgroup, v2_takes_the_tightest_on_the_way_up) {
  const FakeRoot root;
  root.write("proc/self/cgroup", "0::/outer/inner\n");
  root.write("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
  root.write("sys/fs/cgroup/outer/cpu.max", "250000 100000\n");
  root.write("sys/fs/cgroup/outer/inner/memory.max", "8000\n");
  root.write("sys/fs/cgroup/outer/inner/memory.current", "1000\n");
  root.write("sys/fs/cgroup/outer/memory.max", "9000\n");
  root.write("sys/fs/cgroup/outer/memory.current", "8500\n");
  root.write("sys/fs/cgroup/outer/memory.stat", "anon 1\ninactive_file 500\n");
  const hazure::CgroupLimits limits = root.read();
  CHECK_NEAR(limits.cpus.value(), 2.5, 1e-12);
  CHECK_EQ(limits.memory_bytes.value(), 9000U, "the outer one leaves less");
  CHECK_EQ(limits.memory_used_bytes, 8000U);
}

TEST(cgroup, v1_and_no_limits) {
  const FakeRoot root;
  root.write("proc/self/cgroup", "5:cpu,cpuacct:/box\n4:memory:/box\n");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
  root.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  root.write("sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1\n");
  root.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  const hazure::CgroupLimits limits = root.read();
  CHECK_NEAR(limits.cpus.value(), 1.5, 1e-12);
  CHECK(!limits.memory_bytes.has_value(), "the largest number means no limit");
}

TEST(cgroup, odd_files_are_no_limits) {
  const FakeRoot root;
  root.write("proc/self/cgroup", "rubbish\n0::/\n");
  root.write("sys/fs/cgroup/cpu.max", "lots of it\n");
  root.write("sys/fs/cgroup/memory.max", "99999999999999999999999999\n");
  CHECK(!root.read().cpus.has_value());
  CHECK(!root.read().memory_bytes.has_value());
}

TEST(cgroup, this_machine_tells_something) {
  const hazure::HostMemory memory = hazure::host_memory();
  CHECK(memory.free_bytes <= memory.total_bytes);
#if defined(__linux__)
  CHECK(memory.total_bytes > 0);
#endif
  CHECK_EQ(hazure::kernel_isa(), std::string(hazure::kernels::available().back()->name));
  const hazure::CudaInfo cuda = hazure::cuda_info();
  CHECK(cuda.devices.empty() != cuda.unavailable.empty(), "either devices or a reason: ", cuda.unavailable);
}
