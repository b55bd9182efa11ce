#include "provider.hpp"

using namespace hazure;
using namespace testing;

TEST(cuda_provider, rows_of_a_session_on_cuda_are_the_cpu_s) {
  need_provider();
  const Pictures pictures(5);
  Embedder cuda(embedder(on(DeviceChoice::kCuda)));
  CHECK_EQ(device_name(cuda.model().description().device), std::string("cuda"));
  PreparedBatch batch;
  for (const std::size_t rows : {5, 2, 5}) {
    const auto regions = std::span<const Region>(pictures.regions).first(rows);
    check_rows(embed(cuda, batch, regions), on_cpu(regions), "rows " + std::to_string(rows));
  }
  CHECK(batch.device != nullptr);
  CHECK_EQ(emulated_device.captures, 0);
}

TEST(cuda_provider, boxes_of_a_session_on_cuda_are_the_cpu_s) {
  need_provider();
  const Pictures pictures(4);
  PreparedBatch cpu_batch;
  Detector cpu(detector(on(DeviceChoice::kCpu)));
  const auto wanted = detect(cpu, cpu_batch, pictures.regions);
  for (const bool graphs : {false, true}) {
    PreparedBatch batch;
    Detector cuda(detector(on(DeviceChoice::kCuda, graphs)));
    for (int round = 0; round < 4; ++round) {
      const auto boxes = detect(cuda, batch, pictures.regions);
      for (std::size_t image = 0; image < wanted.size(); ++image) {
        CHECK(!wanted[image].empty());
        CHECK_EQ(boxes[image].size(), wanted[image].size(), "image ", image);
        for (std::size_t i = 0; i < wanted[image].size(); ++i) {
          CHECK_NEAR(boxes[image][i].confidence, wanted[image][i].confidence, 1e-4, "image ", image);
          CHECK_NEAR(boxes[image][i].x1, wanted[image][i].x1, 1e-3, "image ", image);
        }
      }
    }
    CHECK_EQ(emulated_device.captures, graphs ? 1 : 0);
  }
}

TEST(cuda_provider, auto_takes_cuda_where_tensorrt_is_not) {
  need_provider();
  const auto session = Session::load(model("products"), on(DeviceChoice::kAuto));
  CHECK_EQ(device_name(session->description().device), std::string("cuda"));
  CHECK(session->description().device_reason.find("TensorRT left out") != std::string::npos,
        session->description().device_reason);
}

TEST(cuda_provider, half_precision_goes_in_and_comes_back_with_and_without_graphs) {
  need_provider();
  Embedder::Config config{model("pixels-half"), {}, "pixels", true, on(DeviceChoice::kCpu)};
  config.preprocess.width_px = config.preprocess.height_px = 16;
  Embedder cpu(config);
  PreparedBatch cpu_batch;
  for (const bool graphs : {false, true}) {
    config.session = on(DeviceChoice::kCuda, graphs);
    Embedder cuda(config);
    CHECK(cuda.model().description().precision == Precision::kFp16);
    PreparedBatch batch;
    emulated_device.reset();
    for (int round = 0; round < 4; ++round) {
      const Pictures pictures(3, static_cast<unsigned>(round));
      check_rows(embed(cuda, batch, pictures.regions), embed(cpu, cpu_batch, pictures.regions),
                 "round " + std::to_string(round));
    }
    // The host could read the emulated device's memory as it lies there; a real one's it can't.
    CHECK_EQ(emulated_device.downloaded_bytes, std::size_t{4} * 3 * 768 * 2);
    CHECK_EQ(emulated_device.captures, graphs ? 1 : 0);
  }
}

TEST(cuda_provider, a_call_of_several_pieces_uploads_each_image_once) {
  need_provider();
  Embedder::Config config{model("pixels-batch2"), {}, "pixels", true, on(DeviceChoice::kCpu)};
  config.preprocess.width_px = config.preprocess.height_px = 16;
  Embedder cpu(config);
  config.session = on(DeviceChoice::kCuda);
  Embedder cuda(config);
  const Pictures pictures(2);
  std::vector<Region> crops;
  for (int i = 0; i < 7; ++i) crops.push_back({pictures.pictures[i % 2].view(), PixelBox{1.0 * i, 2, 20.0 + i, 22}});
  std::size_t image_bytes = 0;
  for (const auto& picture : pictures.pictures) image_bytes += (picture.pixels.size() + 255) / 256 * 256;

  std::vector<PreparedBatch> slots(2);
  PreparedBatch cpu_batch;
  for (int call = 0; call < 3; ++call) {
    emulated_device.reset();
    for (std::size_t piece = 0; piece < 4; ++piece) {
      PreparedBatch& batch = slots[piece % 2];
      const auto part = cuda.model().piece_of(std::span<const Region>(crops), piece);
      std::vector<float> rows(part.size() * 768);
      std::vector<float> wanted(part.size() * 768);
      cuda.prepare_piece(crops, piece, batch);
      cuda.embed(batch, rows.data());
      cpu.prepare_piece(crops, piece, cpu_batch);
      cpu.embed(cpu_batch, wanted.data());
      check_rows(rows, wanted, "piece " + std::to_string(piece));
    }
    // Beside the pixels only the few numbers that say where each crop lies.
    CHECK(emulated_device.uploaded_bytes >= image_bytes);
    CHECK(emulated_device.uploaded_bytes < image_bytes + 7 * 512, emulated_device.uploaded_bytes, " of ", image_bytes);
  }
}

TEST(cuda_provider, through_the_host_it_gives_the_same) {
  need_provider();
  SessionOptions options = on(DeviceChoice::kCuda);
  options.cuda.device_tensors = false;
  Embedder cuda(embedder(options));
  PreparedBatch batch;
  const Pictures pictures(5);
  check_rows(embed(cuda, batch, pictures.regions), on_cpu(pictures.regions), "through the host");
  CHECK(batch.device == nullptr);
}

TEST(cuda_provider, what_is_closed_leaves_no_memory_on_the_device) {
  need_provider();
  const Pictures pictures(4);
  int blocks = 0;
  for (int round = 0; round < 20; ++round) {
    {
      Embedder cuda(embedder(on(DeviceChoice::kCuda, round % 2 == 1)));
      PreparedBatch batch;
      for (int i = 0; i < 3; ++i) embed(cuda, batch, pictures.regions);
    }
    // What the provider keeps for the process comes with the first two.
    if (round == 1) blocks = emulated_device.live_blocks;
  }
  CHECK_EQ(emulated_device.live_blocks, blocks);
}

TEST(cuda_provider, the_arena_s_limit_is_one_typed_error_and_half_the_batch_goes_through) {
  need_provider();
  SessionOptions options = on(DeviceChoice::kCuda);
  options.cuda.memory_limit_bytes = 450 << 10;
  options.cuda.arena_growth = ArenaGrowth::kSameAsRequested;
  PreparedBatch batch;
  Embedder cuda(embedder(options));
  const Pictures pictures(600);
  bool ran_out = false;
  try {
    embed(cuda, batch, pictures.regions);
  } catch (const Error& error) {
    ran_out = error.kind() == ErrorKind::kOutOfDeviceMemory;
    CHECK(ran_out, error.what());
  }
  CHECK(ran_out);
  const auto half = std::span<const Region>(pictures.regions).first(100);
  check_rows(embed(cuda, batch, half), on_cpu(half), "after running out");
}

TEST(cuda_provider, every_allocation_that_fails_is_one_typed_error_with_and_without_graphs) {
  need_provider();
  const Pictures pictures(8);
  const auto wanted = on_cpu(pictures.regions);
  for (const bool graphs : {false, true}) {
    int failures = 0;
    for (int n = 1;; ++n) {
      emulated_device.reset();
      PreparedBatch batch;
      bool ran_out = false;
      Embedder cuda(embedder(on(DeviceChoice::kCuda, graphs)));
      emulated_device.allocations = 0;
      emulated_device.failing_allocation = n;
      for (int round = 0; round < 3; ++round) {
        try {
          check_rows(embed(cuda, batch, pictures.regions), wanted, "allocation " + std::to_string(n));
        } catch (const Error& error) {
          CHECK(error.kind() == ErrorKind::kOutOfDeviceMemory, error.what());
          ran_out = true;
        }
      }
      emulated_device.failing_allocation = 0;
      for (int round = 0; round < 3; ++round) {
        check_rows(embed(cuda, batch, pictures.regions), wanted, "after allocation " + std::to_string(n));
      }
      if (!ran_out) break;
      ++failures;
    }
    CHECK(failures > 3, failures);
  }
}
