#include "emulator.hpp"

#include <ucontext.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <vector>

namespace emulator {

dim3 grid_dim, block_dim, block_idx, thread_idx;

namespace {

constexpr std::size_t kStackBytes = 128 * 1024;
constexpr int kWarp = 32;

struct Barrier {
  int members = 0;
  int arrived = 0;
  unsigned generation = 0;

  void release_if_complete() {
    if (members > 0 && arrived == members) {
      arrived = 0;
      ++generation;
    }
  }
};

struct Fiber {
  ucontext_t context{};
  std::unique_ptr<char[]> stack{new char[kStackBytes]};
  dim3 index;
  bool running = false;
};

std::vector<std::unique_ptr<Fiber>> fibers;
ucontext_t scheduler;
int current = 0;
Barrier whole_block;
std::vector<Barrier> warps;
std::vector<std::uint64_t> exchanged;
const std::function<void()>* kernel = nullptr;
bool progressed = false;

void give_way() {
  Fiber& self = *fibers[static_cast<std::size_t>(current)];
  swapcontext(&self.context, &scheduler);
}

void wait_at(Barrier& barrier) {
  const unsigned generation = barrier.generation;
  ++barrier.arrived;
  progressed = true;
  barrier.release_if_complete();
  while (barrier.generation == generation) give_way();
  progressed = true;
}

Barrier& own_warp() { return warps[static_cast<std::size_t>(current / kWarp)]; }

void enter() {
  (*kernel)();
  Fiber& self = *fibers[static_cast<std::size_t>(current)];
  self.running = false;
  progressed = true;
  --whole_block.members;
  whole_block.release_if_complete();
  --own_warp().members;
  own_warp().release_if_complete();
}

void run_block(int threads, bool backwards) {
  whole_block = {threads, 0, 0};
  warps.assign(static_cast<std::size_t>((threads + kWarp - 1) / kWarp), {});
  exchanged.assign(warps.size() * kWarp, 0);
  while (static_cast<int>(fibers.size()) < threads) fibers.push_back(std::make_unique<Fiber>());
  for (int t = 0; t < threads; ++t) {
    Fiber& fiber = *fibers[static_cast<std::size_t>(t)];
    const auto flat = static_cast<unsigned>(t);
    fiber.index = {flat % block_dim.x, flat / block_dim.x % block_dim.y, flat / (block_dim.x * block_dim.y)};
    fiber.running = true;
    ++warps[static_cast<std::size_t>(t / kWarp)].members;
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStackBytes;
    fiber.context.uc_link = &scheduler;
    makecontext(&fiber.context, enter, 0);
  }
  while (whole_block.members > 0) {
    progressed = false;
    for (int i = 0; i < threads; ++i) {
      current = backwards ? threads - 1 - i : i;
      Fiber& fiber = *fibers[static_cast<std::size_t>(current)];
      if (!fiber.running) continue;
      thread_idx = fiber.index;
      swapcontext(&scheduler, &fiber.context);
    }
    if (!progressed) {
      std::fprintf(stderr, "emulator: the threads of a block wait for each other for ever\n");
      std::abort();
    }
  }
}

}  // namespace

void launch(dim3 grid, dim3 block, const std::function<void()>& thread) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  static unsigned launches = 0;
  const bool backwards = ++launches % 2 == 0;
  grid_dim = grid;
  block_dim = block;
  kernel = &thread;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        block_idx = {x, y, z};
        run_block(static_cast<int>(block.x * block.y * block.z), backwards);
      }
    }
  }
}

void block_barrier() {
  const dim3 index = thread_idx;
  wait_at(whole_block);
  thread_idx = index;
}

int lane() { return current % kWarp; }

const std::uint64_t* exchange_in_warp(std::uint64_t mine) {
  const dim3 index = thread_idx;
  thread_local std::uint64_t received[kWarp];
  const int base = current / kWarp * kWarp;
  wait_at(own_warp());  // everybody has read what was exchanged before
  exchanged[static_cast<std::size_t>(current)] = mine;
  wait_at(own_warp());
  for (int l = 0; l < kWarp; ++l) received[l] = exchanged[static_cast<std::size_t>(base + l)];
  thread_idx = index;
  return received;
}

}  // namespace emulator
