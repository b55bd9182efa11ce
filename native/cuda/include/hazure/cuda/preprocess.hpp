#pragma once

#include <span>
#include <vector>

#include "hazure/cuda/workspace.hpp"
#include "hazure/preprocess.hpp"

namespace hazure::cuda {

enum class OutputType { kFloat32, kFloat16 };

/**
 * Copies the images behind `regions` to the device, each image once however many regions it has (they are told
 * apart by their pixel pointer), and returns the same regions over device memory.
 *
 * Asynchronous on `stream`; the host pixels may be changed when it returns, the device images live until the
 * next upload with this workspace.
 */
std::vector<Region> upload_regions(std::span<const Region> regions, Workspace& workspace, Stream stream);

/**
 * Device twin of hazure::preprocess_batch: same spec, same refusals, same bits for kFloat32 (all resizing is
 * integer arithmetic); kFloat16 is that rounded to nearest even. Asynchronous on `stream`.
 *
 * @param regions     images in device memory (see upload_regions), any sizes
 * @param device_out  device memory for N × 3 × height × width values, for example a bound input tensor
 * @param placements  host memory for N entries, or null; filled before the call returns
 */
void preprocess_batch(std::span<const Region> regions, const PreprocessSpec& spec, void* device_out, OutputType type,
                      Placement* placements, Workspace& workspace, Stream stream);

}  // namespace hazure::cuda
