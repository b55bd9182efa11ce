#include <cuda_runtime_api.h>

#include "check.hpp"
#include "hazure/engine/device_slot.hpp"
#include "hazure/error.hpp"
#include "hazure/half.hpp"
#include "picture.hpp"

using namespace hazure;

namespace {

struct Batch {
  testing::Picture picture = testing::make_picture("noise", 60, 44, 2);
  std::vector<Region> regions;
  PreprocessSpec spec;

  Batch() {
    spec.width_px = spec.height_px = 16;
    for (int i = 0; i < 6; ++i) regions.push_back({picture.view(), PixelBox{2.0 * i, 1.0 * i, 30.0 + i, 33}});
  }
  [[nodiscard]] std::vector<float> on_cpu() const {
    std::vector<float> out(regions.size() * preprocessed_floats(spec));
    ThreadPool pool;
    preprocess_batch(regions, spec, out.data(), nullptr, pool);
    return out;
  }
};

/** The values of a slot's tensor, by way of its own download. */
std::vector<float> values_of(DeviceSlot& slot, std::size_t count) {
  std::vector<float> values(count);
  slot.download(values.data(), static_cast<const float*>(slot.memory()), count);
  return values;
}

}  // namespace

TEST(cuda_slot, holds_the_batch_and_zeros_behind_it) {
  const Batch batch;
  emulated_device.reset();
  DeviceSlot slot(0, false);
  std::vector<Placement> placements(batch.regions.size());
  slot.prepare(batch.regions, 8, batch.spec, placements.data());
  std::vector<float> wanted = batch.on_cpu();
  wanted.resize(8 * preprocessed_floats(batch.spec));
  CHECK(values_of(slot, wanted.size()) == wanted);
  CHECK_EQ(placements[1].offset_x, placement_of(region_rect(batch.regions[1]), batch.spec).offset_x);
}

TEST(cuda_slot, rounds_to_half_precision_on_the_device) {
  const Batch batch;
  emulated_device.reset();
  DeviceSlot slot(0, true);
  std::vector<Placement> placements(batch.regions.size());
  slot.prepare(batch.regions, batch.regions.size(), batch.spec, placements.data());
  const std::vector<float> wanted = batch.on_cpu();
  std::vector<std::uint16_t> rounded(wanted.size());
  float_to_half(wanted.data(), rounded.data(), wanted.size());
  std::vector<float> raw = values_of(slot, wanted.size() / 2);
  CHECK(std::memcmp(raw.data(), rounded.data(), raw.size() * sizeof(float)) == 0);
}

TEST(cuda_slot, serves_half_the_batch_after_any_of_its_allocations_failed) {
  const Batch batch;
  const std::vector<float> wanted = batch.on_cpu();
  int n = 1;
  for (;; ++n) {
    emulated_device.reset();
    DeviceSlot slot(0, false);
    std::vector<Placement> placements(batch.regions.size());
    emulated_device.failing_allocation = n;
    bool ran_out = false;
    try {
      slot.prepare(batch.regions, batch.regions.size(), batch.spec, placements.data());
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kOutOfDeviceMemory, error.what());
      ran_out = true;
    }
    emulated_device.reset();
    if (!ran_out) break;
    const std::size_t half = wanted.size() / 2;
    slot.prepare(std::span(batch.regions).first(3), 3, batch.spec, placements.data());
    CHECK(values_of(slot, half) == std::vector<float>(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(half)),
          "allocation ", n);
    slot.prepare(std::span(batch.regions).subspan(3), 3, batch.spec, placements.data());
    CHECK(values_of(slot, half) == std::vector<float>(wanted.begin() + static_cast<std::ptrdiff_t>(half), wanted.end()),
          "allocation ", n);
  }
  CHECK(n > 5, "only ", n - 1, " allocations");
}
