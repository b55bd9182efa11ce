#include "hazure/cuda/preprocess.hpp"

#include "device.hpp"
#include "hazure/half.hpp"
#include "picture.hpp"

using namespace hazure;

namespace {

struct Batch {
  PreprocessSpec spec;
  std::vector<testing::Picture> pictures;
  std::vector<Region> regions;
};

Batch random_batch(testing::Random& random) {
  Batch batch;
  PreprocessSpec& spec = batch.spec;
  spec.width_px = random.integer(1, 200);
  spec.height_px = random.integer(1, 200);
  spec.fit = static_cast<FitMode>(random.integer(0, 3));
  spec.interpolation = static_cast<Interpolation>(random.integer(0, 2));
  spec.channel_order = static_cast<ChannelOrder>(random.integer(0, 1));
  spec.mean = {0.485F, 0.456F, 0.406F};
  spec.std = {0.229F, 0.224F, 0.225F};
  const int images = random.integer(1, 3);
  for (int i = 0; i < images; ++i) {
    batch.pictures.push_back(testing::make_picture("noise", random.integer(1, 500), random.integer(1, 400), 5));
  }
  for (const testing::Picture& picture : batch.pictures) {
    batch.regions.push_back({picture.view(), std::nullopt});
    const double x = random.real(0, picture.width - 1);
    const double y = random.real(0, picture.height - 1);
    batch.regions.push_back({picture.view(), PixelBox{x, y, x + random.real(1, 300), y + random.real(1, 300)}});
  }
  return batch;
}

std::vector<float> on_cpu(const Batch& batch) {
  std::vector<float> out(batch.regions.size() * preprocessed_floats(batch.spec));
  ThreadPool pool;
  preprocess_batch(batch.regions, batch.spec, out.data(), nullptr, pool);
  return out;
}

}  // namespace

TEST(cuda_preprocess, gives_the_bits_of_the_cpu_in_fp32_and_their_rounding_in_fp16) {
  testing::need_device();
  testing::Random random(31);
  cuda::Workspace workspace;
  for (int round = 0; round < testing::kRounds; ++round) {
    const Batch batch = random_batch(random);
    const std::vector<float> expected = on_cpu(batch);
    std::vector<Placement> placements(batch.regions.size());
    const std::vector<Region> uploaded = cuda::upload_regions(batch.regions, workspace, nullptr);

    const testing::OnDevice<float> full(expected.size());
    cuda::preprocess_batch(uploaded, batch.spec, full.data(), cuda::OutputType::kFloat32, placements.data(), workspace, nullptr);
    const std::vector<float> came = full.fetch();
    for (std::size_t i = 0; i < came.size(); ++i) CHECK_EQ(came[i], expected[i], "round ", round, ", float ", i);

    const testing::OnDevice<std::uint16_t> halves(expected.size());
    cuda::preprocess_batch(uploaded, batch.spec, halves.data(), cuda::OutputType::kFloat16, placements.data(), workspace, nullptr);
    std::vector<std::uint16_t> rounded(expected.size());
    float_to_half(expected.data(), rounded.data(), expected.size());
    CHECK(halves.fetch() == rounded, "round ", round);
    CHECK_EQ(placements[0].scale_x, placement_of(region_rect(batch.regions[0]), batch.spec).scale_x);
  }
}

TEST(cuda_preprocess, copies_the_middle_where_nothing_is_resized) {
  testing::need_device();
  cuda::Workspace workspace;
  Batch batch;
  batch.pictures.push_back(testing::make_picture("noise", 60, 40, 8));
  batch.regions.push_back({batch.pictures[0].view(), std::nullopt});
  batch.spec.fit = FitMode::kCentreCrop;
  batch.spec.resize_shortest_px = 40;  // as it is, so that pixels are copied from column 18 and row 4 on
  batch.spec.width_px = 24;
  batch.spec.height_px = 32;
  const std::vector<float> expected = on_cpu(batch);
  const testing::OnDevice<float> out(expected.size());
  cuda::preprocess_batch(cuda::upload_regions(batch.regions, workspace, nullptr), batch.spec, out.data(),
                         cuda::OutputType::kFloat32, nullptr, workspace, nullptr);
  CHECK(out.fetch() == expected);
}

TEST(cuda_preprocess, refuses_what_the_cpu_refuses) {
  testing::need_device();
  cuda::Workspace workspace;
  const testing::Picture picture = testing::make_picture("ramp", 8, 6, 1);
  Region region{picture.view(), PixelBox{9, 9, 12, 12}};
  PreprocessSpec spec;
  spec.width_px = spec.height_px = 16;
  CHECK_REFUSED(kInput, "no pixel", cuda::upload_regions({&region, 1}, workspace, nullptr));
  region.box = std::nullopt;
  const std::vector<Region> uploaded = cuda::upload_regions({&region, 1}, workspace, nullptr);
  CHECK_REFUSED(kInput, "output buffer", cuda::preprocess_batch(uploaded, spec, nullptr, cuda::OutputType::kFloat32, nullptr, workspace, nullptr));
  spec.std[0] = 0;
  CHECK_REFUSED(kInput, "std", cuda::preprocess_batch(uploaded, spec, nullptr, cuda::OutputType::kFloat32, nullptr, workspace, nullptr));
}

TEST(cuda_device, one_that_is_not_there_is_an_error) {
  CHECK_REFUSED(kDevice, "CUDA device 99", cuda::Workspace(99));
}
