#include <cuda_runtime_api.h>

#include "cuda/device.hpp"
#include "hazure/cuda/detections.hpp"
#include "hazure/cuda/preprocess.hpp"
#include "hazure/system_info.hpp"
#include "picture.hpp"
#include "problems.hpp"

// What a device says about its memory, what is copied to it, and what happens when it runs out, at every place where
// it may. Under the emulator only: a real device does not fail on request.

using namespace hazure;

namespace {

struct Photos {
  std::vector<testing::Picture> pictures;
  std::vector<Region> crops;
  PreprocessSpec spec;

  /** Eight crops of two photos. */
  Photos() {
    spec.width_px = 24;
    spec.height_px = 20;
    spec.interpolation = Interpolation::kBicubicAntialias;
    pictures.push_back(testing::make_picture("noise", 90, 70, 3));
    pictures.push_back(testing::make_picture("ramp", 51, 83, 1));
    for (int i = 0; i < 8; ++i) {
      const double x = 3.0 * i;
      crops.push_back({pictures[static_cast<std::size_t>(i) % 2].view(), PixelBox{x, 2, x + 21 + i, 40}});
    }
  }
};

std::vector<float> preprocess(std::span<const Region> crops, const PreprocessSpec& spec, cuda::Workspace& workspace,
                              const testing::OnDevice<float>& out) {
  const auto uploaded = cuda::upload_regions(crops, workspace, nullptr);
  cuda::preprocess_batch(uploaded, spec, out.data(), cuda::OutputType::kFloat32, nullptr, workspace, nullptr);
  std::vector<float> floats = out.fetch();
  floats.resize(crops.size() * preprocessed_floats(spec));
  return floats;
}

/** Runs `work` with the n-th allocation failing; true where it ran out of memory, as it must say. */
template <typename Work>
bool runs_out_at(int n, Work&& work) {
  emulated_device.reset();
  emulated_device.failing_allocation = n;
  try {
    work();
    emulated_device.reset();
    return false;
  } catch (const Error& error) {
    emulated_device.reset();
    CHECK(error.kind() == ErrorKind::kOutOfDeviceMemory, "at allocation ", n, ": ", error.what());
    CHECK(!error.hint().empty());
    return true;
  }
}

}  // namespace

TEST(cuda_memory, is_uploaded_once_per_image_however_many_crops_it_has) {
  const Photos photos;
  cuda::Workspace workspace;
  const auto padded = [](const testing::Picture& p) {
    return (static_cast<std::size_t>(p.width * p.height) * 3 + 255) / 256 * 256;
  };
  emulated_device.reset();
  const auto uploaded = cuda::upload_regions(photos.crops, workspace, nullptr);
  CHECK_EQ(emulated_device.uploaded_bytes, padded(photos.pictures[0]) + padded(photos.pictures[1]));
  for (std::size_t i = 2; i < uploaded.size(); ++i) CHECK(uploaded[i].image.data == uploaded[i % 2].image.data);
  CHECK(uploaded[0].image.data != uploaded[1].image.data);
}

TEST(cuda_memory, that_runs_out_anywhere_in_preprocessing_is_one_error_and_half_a_batch_gives_the_same) {
  const Photos photos;
  const std::size_t values = preprocessed_floats(photos.spec);
  const testing::OnDevice<float> out(photos.crops.size() * values);
  cuda::Workspace whole;
  const std::vector<float> wanted = preprocess(photos.crops, photos.spec, whole, out);

  const int blocks_before = emulated_device.live_blocks;
  // A workspace at its first call, and one that has memory and must grow.
  for (const bool used_before : {false, true}) {
    int n = 1;
    for (;; ++n) {
      cuda::Workspace workspace;
      if (used_before) preprocess(std::span(photos.crops).first(1), photos.spec, workspace, out);
      if (!runs_out_at(n, [&] { preprocess(photos.crops, photos.spec, workspace, out); })) break;
      // The same items at half the batch, on the workspace that ran out.
      const std::span<const Region> crops(photos.crops);
      std::vector<float> came = preprocess(crops.first(4), photos.spec, workspace, out);
      const std::vector<float> rest = preprocess(crops.subspan(4), photos.spec, workspace, out);
      came.insert(came.end(), rest.begin(), rest.end());
      CHECK(came == wanted, "after allocation ", n, " failed");
      CHECK(preprocess(photos.crops, photos.spec, workspace, out) == wanted, "whole, after allocation ", n, " failed");
    }
    // Images, jobs, weights, narrowed rows and their staging.
    CHECK_EQ(n - 1, 6);
  }
  CHECK_EQ(emulated_device.live_blocks, blocks_before);
}

TEST(cuda_memory, that_runs_out_anywhere_in_decoding_is_one_error_and_half_a_batch_gives_the_same) {
  testing::Random random(9);
  const testing::Problem problem = testing::yolov8_problem(random, 4);
  std::vector<testing::OnDevice<float>> memory;
  std::vector<TensorView> views;
  for (const testing::Tensor& tensor : problem.tensors) {
    memory.emplace_back(tensor.data);
    views.push_back({tensor.name, tensor.dims, memory.back().data()});
  }
  const DetectOptions options{.confidence = 0.2F, .iou = 0.5F, .max_detections = 50, .class_ids = std::nullopt};
  const std::vector<DetectionSource> sources(4, DetectionSource{200, 150, {0.5, 0.4, 3, -2}});
  const auto decode = [&](std::size_t first, std::size_t count, cuda::Workspace& workspace) {
    std::vector<TensorView> part = views;
    for (TensorView& view : part) {
      std::size_t row = 1;
      for (std::size_t d = 1; d < view.dims.size(); ++d) row *= static_cast<std::size_t>(view.dims[d]);
      view.data += first * row;
    }
    std::vector<std::vector<std::int64_t>> dims;
    for (const testing::Tensor& tensor : problem.tensors) {
      dims.push_back(tensor.dims);
      dims.back()[0] = static_cast<std::int64_t>(count);
    }
    for (std::size_t i = 0; i < part.size(); ++i) part[i].dims = dims[i];
    std::vector<std::vector<Detection>> found;
    cuda::decode_detections(problem.head, part, problem.width, problem.height,
                            std::span(sources).subspan(first, count), options, found, workspace, nullptr);
    return found;
  };
  const auto same = [](const std::vector<std::vector<Detection>>& a, const std::vector<std::vector<Detection>>& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i].size() != b[i].size() || std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(Detection)) != 0) {
        return false;
      }
    }
    return true;
  };
  cuda::Workspace whole;
  const auto wanted = decode(0, 4, whole);
  std::size_t boxes = 0;
  for (const auto& image : wanted) boxes += image.size();
  CHECK(boxes > 0);

  int n = 1;
  for (;; ++n) {
    cuda::Workspace workspace;
    if (!runs_out_at(n, [&] { decode(0, 4, workspace); })) break;
    auto came = decode(0, 2, workspace);
    for (auto& image : decode(2, 2, workspace)) came.push_back(std::move(image));
    CHECK(same(came, wanted), "after allocation ", n, " failed");
    CHECK(same(decode(0, 4, workspace), wanted), "whole, after allocation ", n, " failed");
  }
  // Parameters and their staging, counts, anchors, keys, kept boxes, rows, results.
  CHECK_EQ(n - 1, 8);
}

TEST(cuda_memory, is_told_as_the_device_tells_it) {
  emulated_device.reset();
  emulated_device.free_bytes = 123'456'789;
  emulated_device.total_bytes = 987'654'321;
  const CudaInfo info = cuda_info();
  CHECK_EQ(info.unavailable, "");
  CHECK_EQ(info.devices.size(), 1U);
  CHECK_EQ(info.devices[0].free_bytes, 123'456'789U);
  CHECK_EQ(info.devices[0].total_bytes, 987'654'321U);
  CHECK_EQ(info.driver_version, "13.0");
  emulated_device.reset();
}

TEST(cuda_memory, a_machine_without_a_usable_driver_says_why) {
  emulated_device.reset();
  emulated_device.driver_version = 0;
  CHECK_EQ(cuda_info().unavailable, "no NVIDIA driver was found");
  emulated_device.driver_version = 12'040;
  emulated_device.count_status = cudaErrorInsufficientDriver;
  CHECK_EQ(cuda_info().unavailable, "the NVIDIA driver supports CUDA 12.4, the engine needs 13.0");
  CHECK_REFUSED(kDevice, "the engine needs 13.0", cuda::Workspace(0));
  emulated_device.reset();
}
