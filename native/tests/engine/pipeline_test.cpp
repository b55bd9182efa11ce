#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

#include "check.hpp"
#include "hazure/engine/stage_pipeline.hpp"

using hazure::StagePipeline;
using hazure::Worker;

namespace {

/** Submits a call and waits for its end. */
std::exception_ptr finish(StagePipeline& pipeline, StagePipeline::Call call) {
  std::promise<std::exception_ptr> ended;
  call.done = [&](const std::exception_ptr& error) { ended.set_value(error); };
  pipeline.submit(std::move(call));
  return ended.get_future().get();
}

}  // namespace

TEST(pipeline, pieces_keep_their_order_and_their_slot) {
  StagePipeline pipeline;
  std::vector<std::size_t> slots(static_cast<std::size_t>(pipeline.slots()));
  std::vector<std::size_t> inferred;
  const auto error = finish(pipeline, {100,
                                       [&](std::size_t piece, int slot) { slots[static_cast<std::size_t>(slot)] = piece; },
                                       [&](std::size_t piece, int slot) {
                                         if (slots[static_cast<std::size_t>(slot)] == piece) inferred.push_back(piece);
                                       },
                                       {}});
  CHECK(error == nullptr);
  CHECK_EQ(inferred.size(), 100U);
  for (std::size_t i = 0; i < inferred.size(); ++i) CHECK_EQ(inferred[i], i);
}

TEST(pipeline, the_next_piece_is_prepared_while_one_is_inferred_and_no_more_than_that) {
  StagePipeline pipeline;
  std::promise<void> second_prepared;
  std::atomic<int> prepared{0};
  std::atomic<int> inferred{0};
  std::atomic<int> furthest{0};
  finish(pipeline, {6,
                    [&](std::size_t piece, int) {
                      furthest = std::max(furthest.load(), ++prepared - inferred);
                      if (piece == 1) second_prepared.set_value();
                    },
                    [&](std::size_t piece, int) {
                      if (piece == 0) second_prepared.get_future().wait();  // would wait for ever without overlap
                      ++inferred;
                    },
                    {}});
  CHECK_EQ(inferred.load(), 6);
  CHECK(furthest.load() <= pipeline.slots(), "got ", furthest.load());
}

TEST(pipeline, streams_infer_side_by_side_and_a_call_ends_once_after_its_last_piece) {
  StagePipeline pipeline;
  std::promise<void> grown;
  pipeline.after_all([&] {
    pipeline.set_streams(3);
    grown.set_value();
  });
  grown.get_future().wait();
  CHECK_EQ(pipeline.slots(), 4);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::atomic<int> inferred{0};
  std::vector<std::atomic<int>> owner(4);
  std::atomic<int> clashes{0};
  const auto error = finish(pipeline, {200,
                                       [&](std::size_t, int slot) { clashes += owner[static_cast<std::size_t>(slot)]++; },
                                       [&](std::size_t piece, int slot) {
                                         most = std::max(most.load(), ++inside);
                                         // would wait for ever if pieces ran one by one
                                         while (piece == 0 && inferred == 0) std::this_thread::yield();
                                         ++inferred;
                                         --inside;
                                         --owner[static_cast<std::size_t>(slot)];
                                       },
                                       {}});
  CHECK(error == nullptr);
  CHECK_EQ(inferred.load(), 200);
  CHECK_EQ(clashes.load(), 0);
  CHECK(most.load() <= 3, "got ", most.load());
}

TEST(pipeline, what_comes_after_all_is_alone) {
  StagePipeline pipeline;
  std::promise<void> grown;
  pipeline.after_all([&] {
    pipeline.set_streams(4);
    grown.set_value();
  });
  grown.get_future().wait();
  std::atomic<int> inside{0};
  std::atomic<int> ended{0};
  std::atomic<int> seen{-1};
  const auto call = [&] {
    return StagePipeline::Call{20, [](std::size_t, int) {},
                               [&](std::size_t, int) {
                                 ++inside;
                                 std::this_thread::yield();
                                 --inside;
                               },
                               [&](const std::exception_ptr&) { ++ended; }};
  };
  std::promise<void> over;
  for (int i = 0; i < 5; ++i) pipeline.submit(call());
  pipeline.after_all([&] { seen = 100 * inside + ended; });
  for (int i = 0; i < 5; ++i) pipeline.submit(call());
  pipeline.after_all([&] { over.set_value(); });
  over.get_future().wait();
  CHECK_EQ(seen.load(), 5);
  CHECK_EQ(ended.load(), 10);
}

TEST(pipeline, the_first_error_ends_a_call_and_spares_the_next) {
  StagePipeline pipeline;
  for (const bool in_prepare : {true, false}) {
    std::atomic<int> runs{0};
    const auto stage = [&](bool fails) {
      return [&runs, fails](std::size_t piece, int) {
        if (fails && piece == 2) throw std::runtime_error("piece 2");
        ++runs;
      };
    };
    const auto error = finish(pipeline, {50, stage(in_prepare), stage(!in_prepare), {}});
    CHECK(error != nullptr);
    CHECK(runs.load() < 20, "still ran ", runs.load());
    int fine = 0;
    CHECK(finish(pipeline, {3, [](std::size_t, int) {}, [&](std::size_t, int) { ++fine; }, {}}) == nullptr);
    CHECK_EQ(fine, 3);
  }
}

TEST(pipeline, stop_drops_what_waits_and_joins) {
  std::atomic<int> done{0};
  std::atomic<bool> release{false};
  std::promise<void> running;
  {
    StagePipeline pipeline;
    pipeline.submit({1, [](std::size_t, int) {},
                     [&](std::size_t, int) {
                       running.set_value();
                       while (!release) std::this_thread::yield();
                     },
                     [&](const std::exception_ptr&) { ++done; }});
    for (int i = 0; i < 10; ++i) {
      pipeline.submit({4, [](std::size_t, int) {}, [](std::size_t, int) {}, [&](const std::exception_ptr&) { ++done; }});
    }
    running.get_future().wait();
    release = true;
    pipeline.stop();
  }
  CHECK(done.load() <= 11);
}

TEST(pipeline, a_worker_runs_in_order_and_ignores_what_comes_after_stop) {
  std::vector<int> order;
  std::promise<void> last;
  Worker worker("test");
  for (int i = 0; i < 50; ++i) worker.post([&order, i] { order.push_back(i); });
  worker.post([&] { last.set_value(); });
  last.get_future().wait();
  worker.stop();
  worker.post([&order] { order.push_back(-1); });
  CHECK_EQ(order.size(), 50U);
  for (int i = 0; i < 50; ++i) CHECK_EQ(order[static_cast<std::size_t>(i)], i);
}
