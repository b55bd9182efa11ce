#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hazure {

/** Cores this process may use: affinity mask and cgroup CPU quota (v1 and v2) respected; at least 1. */
int usable_cores();

struct HostMemory {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
};

/**
 * Host memory within cgroup limits: total is the smaller of RAM and the limit, free what is left of it
 * (reclaimable page cache counts as free). Zeros where the system tells nothing.
 */
HostMemory host_memory();

/** Instruction sets found at run time that the engine can make use of, e.g. `avx2`, `avx512vnni`; `neon` on arm64. */
std::vector<std::string> cpu_features();

/** The instruction set level the kernels run at: `generic`, `avx2`, `avx512` or `avx512vnni`. */
std::string kernel_isa();

struct CudaDevice {
  int id = 0;
  std::string name;
  std::string compute_capability;  // e.g. "8.9"
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
};

struct CudaInfo {
  bool compiled = false;
  /** Compute capabilities that the kernels were compiled for, e.g. "8.9"; newer ones run by way of PTX. */
  std::vector<std::string> architectures;
  /** The CUDA version that the engine was built with, which the driver must support; empty without CUDA. */
  std::string runtime_version;
  /** e.g. "13.0", the CUDA version the driver supports; empty when no driver was found. */
  std::string driver_version;
  /** Why no device can be used; empty when one can. */
  std::string unavailable;
  std::vector<CudaDevice> devices;
};

/** Never throws for a missing driver or device: it says so in `unavailable`. */
CudaInfo cuda_info();

}  // namespace hazure
