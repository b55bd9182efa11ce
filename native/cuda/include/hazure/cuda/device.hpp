#pragma once

namespace hazure::cuda {

/**
 * Makes a device the calling thread's, and takes the thread out of other threads' stream captures: while ONNX Runtime
 * captures a CUDA graph, cudaMalloc and its like on any other thread would fail, and break the capture. To be called
 * before anything else that a thread asks of CUDA or of a session on it; cheap.
 *
 * @throws Error(kDevice) when there is no such device
 */
void use_device(int device_id);

}  // namespace hazure::cuda
