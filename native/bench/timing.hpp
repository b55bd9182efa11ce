#pragma once

#include <algorithm>
#include <chrono>

namespace bench {

/**
 * Shortest wall time of one call in seconds, out of as many rounds as fit. The shortest is what the code
 * needs; the rest is what neighbours on the machine took.
 */
template <typename Work>
double shortest_seconds(Work&& work, double budget_seconds = 0.4) {
  using Clock = std::chrono::steady_clock;
  work();  // warms caches, scratch memory and pages
  double best = 1e9;
  const auto begin = Clock::now();
  int rounds = 0;
  do {
    const auto start = Clock::now();
    work();
    const auto end = Clock::now();
    best = std::min(best, std::chrono::duration<double>(end - start).count());
    ++rounds;
  } while (rounds < 5 || std::chrono::duration<double>(Clock::now() - begin).count() < budget_seconds);
  return best;
}

}  // namespace bench
