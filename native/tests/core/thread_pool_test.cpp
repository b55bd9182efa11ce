#include "hazure/thread_pool.hpp"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "check.hpp"
#include "hazure/system_info.hpp"

using hazure::ThreadPool;

TEST(thread_pool, runs_every_index_once) {
  for (const std::size_t threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    CHECK_EQ(pool.size(), threads);
    for (const std::size_t count : {0U, 1U, 2U, 3U, 1000U}) {
      std::vector<std::atomic<int>> runs(count);
      pool.parallel_for(count, [&](std::size_t i) { runs[i].fetch_add(1); });
      for (std::size_t i = 0; i < count; ++i) CHECK_EQ(runs[i].load(), 1, "index ", i);
    }
  }
}

TEST(thread_pool, works_nested_and_from_many_threads) {
  ThreadPool pool(3);
  std::atomic<int> sum{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        pool.parallel_for(4, [&](std::size_t) { pool.parallel_for(8, [&](std::size_t) { sum.fetch_add(1); }); });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK_EQ(sum.load(), 4 * 50 * 4 * 8);
}

TEST(thread_pool, throws_the_error_of_the_lowest_index) {
  ThreadPool pool(4);
  for (int round = 0; round < 200; ++round) {
    int came = -1;
    try {
      pool.parallel_for(64, [](std::size_t i) {
        if (i % 7 == 5) throw int(i);
      });
    } catch (int index) {
      came = index;
    }
    CHECK_EQ(came, 5);
  }
  std::atomic<int> after{0};
  pool.parallel_for(10, [&](std::size_t) { after.fetch_add(1); });
  CHECK_EQ(after.load(), 10);
}

TEST(thread_pool, zero_means_the_usable_cores) {
  ThreadPool pool;
  CHECK_EQ(pool.size(), static_cast<std::size_t>(hazure::usable_cores()));
  CHECK(hazure::usable_cores() >= 1);
}
