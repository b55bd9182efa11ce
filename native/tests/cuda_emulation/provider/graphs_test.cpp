#include <thread>

#include "provider.hpp"

using namespace hazure;
using namespace testing;

TEST(cuda_provider, graphs_are_captured_once_and_replayed_with_new_pixels) {
  need_provider();
  PreparedBatch batch;
  Embedder cuda(embedder(on(DeviceChoice::kCuda, true)));
  CHECK(cuda.model().description().graphs);
  constexpr int kRounds = 6;
  for (int round = 0; round < kRounds; ++round) {
    const Pictures pictures(5, static_cast<unsigned>(10 * round));
    check_rows(embed(cuda, batch, pictures.regions), on_cpu(pictures.regions), "round " + std::to_string(round));
  }
  // The first as it comes, the second captured (which is launched, too), the rest replayed.
  CHECK_EQ(emulated_device.captures, 1);
  CHECK_EQ(emulated_device.replays, kRounds - 1);
}

TEST(cuda_provider, graphs_of_several_shapes_and_two_slots_keep_apart) {
  need_provider();
  std::vector<PreparedBatch> slots(2);
  Embedder cuda(embedder(on(DeviceChoice::kCuda, true)));
  for (int round = 0; round < 4; ++round) {
    for (const std::size_t rows : {6, 3, 1}) {
      for (auto& slot : slots) {
        const Pictures pictures(static_cast<int>(rows), static_cast<unsigned>(100 * round + static_cast<int>(rows)));
        check_rows(embed(cuda, slot, pictures.regions), on_cpu(pictures.regions), "rows " + std::to_string(rows));
      }
    }
  }
  CHECK_EQ(emulated_device.captures, 6);
}

TEST(cuda_provider, graphs_are_made_anew_when_the_tensor_moves) {
  need_provider();
  PreparedBatch batch;
  Embedder cuda(embedder(on(DeviceChoice::kCuda, true)));
  const void* place = nullptr;
  for (const int rows : {2, 2, 2, 9, 2, 2, 2, 9, 9}) {
    const Pictures pictures(rows, static_cast<unsigned>(rows));
    check_rows(embed(cuda, batch, pictures.regions), on_cpu(pictures.regions), "rows " + std::to_string(rows));
    place = batch.device->memory();
  }
  CHECK(place != nullptr);
  CHECK_EQ(emulated_device.captures, 3);
}

TEST(cuda_provider, other_threads_may_allocate_while_a_graph_is_captured) {
  need_provider();
  static int prepared = 0;
  static std::string complaint;
  prepared = 0;
  // What the preparing thread does all the time: memory for a larger batch, an upload, kernels.
  emulated_device.while_capturing = [] {
    std::thread([] {
      try {
        const Pictures pictures(3);
        PreprocessSpec spec;
        spec.width_px = spec.height_px = 16;
        std::vector<Placement> placements(3);
        DeviceSlot slot(0, false);
        slot.prepare(pictures.regions, 3, spec, placements.data());
        ++prepared;
      } catch (const std::exception& error) {
        complaint = error.what();
      }
    }).join();
  };
  PreparedBatch batch;
  Embedder cuda(embedder(on(DeviceChoice::kCuda, true)));
  for (int round = 0; round < 3; ++round) {
    const Pictures pictures(4, static_cast<unsigned>(round));
    check_rows(embed(cuda, batch, pictures.regions), on_cpu(pictures.regions), "round " + std::to_string(round));
  }
  CHECK_EQ(complaint, "");
  CHECK_EQ(prepared, 1);
  CHECK_EQ(emulated_device.captures, 1);
  emulated_device.reset();
}

TEST(cuda_provider, an_allocation_that_breaks_a_capture_fails_one_batch_and_says_what_to_do) {
  need_provider();
  // As another library's thread would.
  emulated_device.while_capturing = [] {
    std::thread([] {
      void* memory = nullptr;
      cudaMalloc(&memory, 1024);
    }).join();
  };
  PreparedBatch batch;
  Embedder cuda(embedder(on(DeviceChoice::kCuda, true)));
  const Pictures pictures(4);
  const auto wanted = on_cpu(pictures.regions);
  check_rows(embed(cuda, batch, pictures.regions), wanted, "before");
  CHECK_REFUSED(kDevice, "As a CUDA graph", embed(cuda, batch, pictures.regions));
  emulated_device.while_capturing = nullptr;
  for (int round = 0; round < 3; ++round) check_rows(embed(cuda, batch, pictures.regions), wanted, "after");
  CHECK_EQ(emulated_device.captures, 1);
  emulated_device.reset();
}

TEST(cuda_provider, a_network_that_cannot_be_captured_is_refused_and_runs_without) {
  need_provider();
  // Its kernels can't run here, but it is the runtime that refuses.
  SessionOptions options = on(DeviceChoice::kCuda, true);
  CHECK_REFUSED(kModel, "as a CUDA graph", Session::load(model("uncapturable"), options));
  options.cuda.graphs = false;
  Session::load(model("uncapturable"), options);
  options = on(DeviceChoice::kCuda, true);
  options.cuda.device_tensors = false;
  CHECK_REFUSED(kInput, "needs cuda.deviceTensors", Embedder(embedder(options)));
}
