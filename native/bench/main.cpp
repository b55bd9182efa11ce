// hazure_bench: what the native operations cost on one core of this machine, as ratios to its copy bandwidth
// and between instruction sets, all from one run. `hazure_bench letterbox|crop WIDTH HEIGHT SIDE` prints only the
// microseconds per image of that preprocessing, for comparison scripts.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "hazure/detections.hpp"
#include "hazure/normalise.hpp"
#include "hazure/preprocess.hpp"
#include "hazure/system_info.hpp"
#include "kernels/kernels.hpp"
#include "timing.hpp"
#include "workloads.hpp"

using namespace hazure;

namespace {

/** Bytes per second of memcpy between buffers far larger than the caches, read and written bytes both counted. */
double copy_bandwidth() {
  const std::size_t bytes = std::size_t{192} << 20;
  std::vector<char> from(bytes, 1);
  std::vector<char> to(bytes, 2);
  const double seconds = bench::shortest_seconds([&] { std::memcpy(to.data(), from.data(), bytes); }, 0.8);
  return 2.0 * double(bytes) / seconds;
}

void preprocessing(double copy_bytes_per_second) {
  std::printf("\npreprocessing, one thread, one image at a time (source read once, output written once)\n");
  std::printf("%-44s %-11s %9s %8s %10s\n", "case", "kernels", "µs/image", "speedup", "of memcpy");
  ThreadPool pool(1);
  for (const bench::PreprocessCase& workload : bench::preprocess_cases()) {
    const std::vector<std::uint8_t> pixels = bench::noise(workload.width, workload.height);
    const Region region{{pixels.data(), workload.width, workload.height, 0}, std::nullopt};
    std::vector<float> out(preprocessed_floats(workload.spec));
    double generic_seconds = 0;
    for (const kernels::KernelTable* table : kernels::available()) {
      kernels::force(table->name);
      const double seconds = bench::shortest_seconds(
          [&] { preprocess_batch({&region, 1}, workload.spec, out.data(), nullptr, pool); });
      if (generic_seconds == 0) generic_seconds = seconds;
      const double bytes = double(pixels.size()) + double(out.size()) * sizeof(float);
      std::printf("%-44s %-11s %9.1f %7.2f× %9.0f%%\n", workload.name.c_str(), table->name, seconds * 1e6,
                  generic_seconds / seconds, 100 * bytes / seconds / copy_bytes_per_second);
    }
  }
}

void decoding() {
  std::printf("\ndecoding + NMS of one YOLOv8 output, 80 classes × 8400 anchors, one thread\n");
  std::printf("%-66s %-11s %9s %6s\n", "case", "kernels", "µs", "kept");
  ThreadPool pool(1);
  for (const bench::DecodeCase& workload : bench::decode_cases()) {
    const std::vector<std::int64_t> dims{1, 84, 8400};
    const TensorView view{"output0", dims, workload.output.data()};
    const DetectionSource source{640, 640, {}};
    std::vector<std::vector<Detection>> results;
    for (const kernels::KernelTable* table : kernels::available()) {
      kernels::force(table->name);
      const double seconds = bench::shortest_seconds([&] {
        decode_detections(Yolov8Head{80}, {&view, 1}, 640, 640, {&source, 1}, workload.options, results, pool);
      });
      std::printf("%-66s %-11s %9.1f %6zu\n", workload.name.c_str(), table->name, seconds * 1e6, results[0].size());
    }
  }
}

void normalising(double copy_bytes_per_second) {
  std::printf("\nL2 normalisation of 4096 × 1280 embeddings, one thread\n");
  ThreadPool pool(1);
  std::vector<float> rows(std::size_t{4096} * 1280);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = float(i % 97) + 1;
  for (const kernels::KernelTable* table : kernels::available()) {
    kernels::force(table->name);
    const double seconds = bench::shortest_seconds([&] { l2_normalise_rows(rows.data(), 4096, 1280, pool); });
    std::printf("%-11s %9.1f µs %9.0f%% of memcpy\n", table->name, seconds * 1e6,
                100 * 2.0 * double(rows.size()) * sizeof(float) / seconds / copy_bytes_per_second);
  }
}

/** Batches of different images into memory that no cache holds, as a detector run does it. */
void streaming(double copy_bytes_per_second) {
  constexpr std::size_t kBatch = 32;
  PreprocessSpec spec;
  spec.width_px = spec.height_px = 640;
  ThreadPool pool(1);
  std::vector<std::vector<std::uint8_t>> images;
  std::vector<Region> regions;
  for (std::size_t i = 0; i < kBatch; ++i) {
    images.push_back(bench::noise(640, 427));
    regions.push_back({{images.back().data(), 640, 427, 0}, std::nullopt});
  }
  std::vector<float> out(kBatch * preprocessed_floats(spec));
  const double seconds =
      bench::shortest_seconds([&] { preprocess_batch(regions, spec, out.data(), nullptr, pool); }, 1.0);
  const double bytes = double(kBatch * images[0].size()) + double(out.size()) * sizeof(float);
  std::printf("\nstreaming %zu photos of 640×427 into a %.0f MB tensor, %s: %.1f µs/image, %.0f%% of memcpy\n", kBatch,
              double(out.size()) * sizeof(float) / 1e6, kernel_isa().c_str(), seconds * 1e6 / kBatch,
              100 * bytes / seconds / copy_bytes_per_second);
}

int time_one(const std::string& kind, int width, int height, int side) {
  PreprocessSpec spec;
  spec.width_px = spec.height_px = side;
  if (kind == "crop") {
    spec.fit = FitMode::kCentreCrop;
    spec.interpolation = Interpolation::kBicubicAntialias;
  }
  ThreadPool pool(1);
  const std::vector<std::uint8_t> pixels = bench::noise(width, height);
  const Region region{{pixels.data(), width, height, 0}, std::nullopt};
  std::vector<float> out(preprocessed_floats(spec));
  const auto work = [&] { preprocess_batch({&region, 1}, spec, out.data(), nullptr, pool); };
  std::printf("%.1f\n", 1e6 * bench::shortest_seconds(work, 0.2));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5) return time_one(argv[1], std::atoi(argv[2]), std::atoi(argv[3]), std::atoi(argv[4]));
  const double bandwidth = copy_bandwidth();
  std::printf("memcpy %.1f GB/s (read + written); best kernel set here: %s; usable cores %d\n", bandwidth / 1e9,
              kernel_isa().c_str(), usable_cores());
  preprocessing(bandwidth);
  streaming(bandwidth);
  decoding();
  normalising(bandwidth);
  return 0;
}
