#include "hazure/cuda/preprocess.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <unordered_map>

#include "preprocess/placement.hpp"
#include "preprocess_kernels.hpp"
#include "workspace_memory.hpp"

namespace hazure::cuda {
namespace {

Batch batch_of(const PreprocessSpec& spec) {
  Batch batch{spec.width_px, spec.height_px, spec.interpolation == Interpolation::kBicubicAntialias,
              spec.channel_order == ChannelOrder::kBgr, {}, {}, {}};
  for (int c = 0; c < 3; ++c) {
    const Affine affine = normalisation_of(spec, c);
    batch.multiply[c] = affine.multiply;
    batch.add[c] = affine.add;
    batch.padding[c] = spec.pad_value * affine.multiply + affine.add;
  }
  return batch;
}

/** Sizes of the work buffers that a batch needs. */
struct Needs {
  long long weights = 0;
  long long narrowed_bytes = 0;
  int widest = 1;
  int most_rows = 1;
};

Job job_of(const Region& region, const PixelRect& rect, const PreprocessSpec& spec, Layout& layout, Needs& needs) {
  Job job{};
  job.stride = region.image.stride();
  job.pixels = region.image.data + rect.y1 * job.stride + 3LL * rect.x1;
  job.width = rect.width();
  job.height = rect.height();
  layout = layout_of(job.width, job.height, spec);
  job.resized_width = layout.resized_width;
  job.resized_height = layout.resized_height;
  job.crop_x = layout.crop_x;
  job.crop_y = layout.crop_y;
  job.left = layout.left;
  job.top = layout.top;
  job.visible_width = layout.visible_width;
  job.visible_height = layout.visible_height;
  const bool same_size = layout.resized_width == job.width && layout.resized_height == job.height;
  job.sampling = same_size ? Sampling::kCopy
                 : spec.interpolation == Interpolation::kBilinear ? Sampling::kBilinear
                                                                  : Sampling::kAntialias;
  if (job.sampling != Sampling::kAntialias) return job;

  const bool bicubic = spec.interpolation == Interpolation::kBicubicAntialias;
  const Axis columns{job.width, layout.resized_width, bicubic};
  const Axis rows{job.height, layout.resized_height, bicubic};
  const auto most_taps = [](const Axis& axis) {
    return std::min(static_cast<int>(std::ceil(axis.support())) * 2 + 1, axis.source);
  };
  job.column_taps = most_taps(columns);
  job.row_taps = most_taps(rows);
  job.first_row = rows.begin(layout.crop_y);
  job.row_count = rows.end(layout.crop_y + layout.visible_height - 1) - job.first_row;
  job.column_weights = needs.weights;
  needs.weights += static_cast<long long>(layout.visible_width) * (job.column_taps + 1);
  job.row_weights = needs.weights;
  needs.weights += static_cast<long long>(layout.visible_height) * (job.row_taps + 1);
  job.narrowed = needs.narrowed_bytes;
  needs.narrowed_bytes += 3LL * layout.visible_width * job.row_count;
  needs.widest = std::max({needs.widest, layout.visible_width, layout.visible_height});
  needs.most_rows = std::max(needs.most_rows, job.row_count);
  return job;
}

/** Most jobs of one launch: the depth of a grid. */
constexpr std::size_t kJobsPerLaunch = 65'535;

void launch(const Job* jobs, std::size_t count, const Batch& batch, const Needs& needs, Workspace::Memory& memory,
            void* out, OutputType type, cudaStream_t stream) {
  auto* table = memory.taps.reserve<std::int32_t>(static_cast<std::size_t>(std::max(needs.weights, 1LL)));
  auto* narrowed = memory.narrowed.reserve<std::uint8_t>(static_cast<std::size_t>(std::max(needs.narrowed_bytes, 1LL)));
  const bool half = type == OutputType::kFloat16;
  const std::size_t image_bytes = std::size_t{3} * static_cast<std::size_t>(batch.width) *
                                  static_cast<std::size_t>(batch.height) * (half ? 2 : 4);
  for (std::size_t first = 0; first < count; first += kJobsPerLaunch) {
    const auto depth = static_cast<unsigned>(std::min(kJobsPerLaunch, count - first));
    if (needs.weights > 0) {
      launch_build_weights(jobs + first, depth, batch, needs.widest, table, stream);
      check_launch("computing resize weights");
      launch_narrow_rows(jobs + first, depth, needs.widest, needs.most_rows, table, narrowed, stream);
      check_launch("resizing rows");
    }
    launch_fill_input(jobs + first, depth, batch, table, narrowed, static_cast<std::uint8_t*>(out) + first * image_bytes,
                      half, stream);
    check_launch("filling the model input");
  }
}

}  // namespace

std::vector<Region> upload_regions(std::span<const Region> regions, Workspace& workspace, Stream stream) {
  Workspace::Memory& memory = workspace.memory();
  memory.use();
  constexpr std::size_t kAlignment = 256;
  std::unordered_map<const std::uint8_t*, std::size_t> offsets;
  std::vector<Region> uploaded(regions.begin(), regions.end());
  std::size_t bytes = 0;
  for (const Region& region : regions) {
    region_rect(region);  // refuses bad images before anything is copied
    const ImageView& image = region.image;
    const auto row_bytes = static_cast<std::size_t>(3) * static_cast<std::size_t>(image.width_px);
    const auto [place, is_new] = offsets.try_emplace(image.data, bytes);
    if (is_new) bytes += (row_bytes * static_cast<std::size_t>(image.height_px) + kAlignment - 1) / kAlignment * kAlignment;
  }
  if (bytes == 0) return uploaded;
  auto* staging = memory.image_staging.reserve<std::uint8_t>(bytes);
  auto* device = memory.images.reserve<std::uint8_t>(bytes);
  std::unordered_map<const std::uint8_t*, ImageView> copied;
  for (Region& region : uploaded) {
    ImageView& image = region.image;
    const std::size_t offset = offsets.at(image.data);
    const auto [before, is_new] = copied.try_emplace(image.data, image);
    if (is_new) {
      const auto row_bytes = static_cast<std::size_t>(3) * static_cast<std::size_t>(image.width_px);
      for (int y = 0; y < image.height_px; ++y) {
        std::memcpy(staging + offset + static_cast<std::size_t>(y) * row_bytes, image.data + y * image.stride(), row_bytes);
      }
    } else if (before->second.width_px != image.width_px || before->second.height_px != image.height_px ||
               before->second.stride() != image.stride()) {
      throw Error(ErrorKind::kInput, "two images of different sizes share one pixel pointer",
                  "Describe an image the same way in all its regions.");
    }
    image.data = device + offset;
    image.row_stride_bytes = 0;
  }
  const cudaStream_t on = native(stream);
  check(cudaMemcpyAsync(device, staging, bytes, cudaMemcpyHostToDevice, on), "copying images to the device");
  memory.image_staging.mark(on);
  return uploaded;
}

void preprocess_batch(std::span<const Region> regions, const PreprocessSpec& spec, void* device_out, OutputType type,
                      Placement* placements, Workspace& workspace, Stream stream) {
  check_spec(spec);
  if (regions.empty()) return;
  if (device_out == nullptr) {
    throw Error(ErrorKind::kInput, "preprocessing needs an output buffer, came null",
                "Allocate regions × 3 × height × width values on the device.");
  }
  Workspace::Memory& memory = workspace.memory();
  memory.use();
  const cudaStream_t on = native(stream);
  Needs needs;
  Job* staged = memory.job_staging.reserve<Job>(regions.size());
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const PixelRect rect = region_rect(regions[i]);
    Layout layout;
    staged[i] = job_of(regions[i], rect, spec, layout, needs);
    if (placements != nullptr) placements[i] = placement_from(layout, rect);
  }
  Job* jobs = memory.jobs.reserve<Job>(regions.size());
  check(cudaMemcpyAsync(jobs, staged, regions.size() * sizeof(Job), cudaMemcpyHostToDevice, on), "copying regions");
  memory.job_staging.mark(on);
  launch(jobs, regions.size(), batch_of(spec), needs, memory, device_out, type, on);
}

}  // namespace hazure::cuda
