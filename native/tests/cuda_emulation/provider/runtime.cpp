// What ONNX Runtime's CUDA provider asks of the CUDA runtime beside what the engine does. Its kernels are machine code
// for a GPU and can't run: each launch fails and names the kernel. Networks that need none of them (copies, products of
// matrices) run.
#include <cuda_runtime_api.h>

#include <cstdio>
#include <map>
#include <string>

#pragma GCC visibility push(default)
extern "C" {

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch, std::size_t width,
                              std::size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  for (std::size_t row = 0; row < height; ++row) {
    cudaMemcpyAsync(static_cast<char*>(to) + row * to_pitch, static_cast<const char*>(from) + row * from_pitch, width,
                    kind, stream);
  }
  return cudaSuccess;
}
cudaError_t cudaMemset(void* memory, int value, std::size_t bytes) { return cudaMemsetAsync(memory, value, bytes, nullptr); }
cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned) { return cudaMallocHost(memory, bytes); }
cudaError_t cudaFreeAsync(void* memory, cudaStream_t) { return cudaFree(memory); }
cudaError_t cudaMallocFromPoolAsync(void** memory, std::size_t bytes, void*, cudaStream_t) {
  return cudaMalloc(memory, bytes);
}
cudaError_t cudaMemPoolCreate(void**, const void*) { return cudaErrorNotSupported; }
cudaError_t cudaMemPoolDestroy(void*) { return cudaErrorNotSupported; }
cudaError_t cudaMemPoolGetAttribute(void*, int, void*) { return cudaErrorNotSupported; }
cudaError_t cudaMemPoolSetAttribute(void*, int, void*) { return cudaErrorNotSupported; }
cudaError_t cudaMemPoolTrimTo(void*, std::size_t) { return cudaErrorNotSupported; }
cudaError_t cudaMemcpyFromSymbol(void*, const void*, std::size_t, std::size_t, cudaMemcpyKind) {
  return cudaErrorNotSupported;
}

cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
cudaError_t cudaDeviceGetAttribute(int* value, int, int) { return *value = 1, cudaSuccess; }
cudaError_t cudaPeekAtLastError() { return cudaSuccess; }
cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, 0); }
cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t, cudaEvent_t) { return *ms = 1, cudaSuccess; }
cudaError_t cudaLaunchHostFunc(cudaStream_t, void (*function)(void*), void* argument) {
  return function(argument), cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t) { return cudaSuccess; }
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* made, cudaGraph_t graph, unsigned long long) {
  return *made = graph, cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t) { return cudaSuccess; }

// ---- Kernels: registered when the provider is loaded, refused when launched
static std::map<const void*, std::string>& kernels() {
  static std::map<const void*, std::string> all;
  return all;
}
static cudaError_t refuse(const void* kernel) {
  const auto known = kernels().find(kernel);
  std::fprintf(stderr, "emulated device: no kernel %s\n", known == kernels().end() ? "?" : known->second.c_str());
  return cudaErrorNotSupported;
}
void** __cudaRegisterFatBinary(void* binary) {
  static void* any;
  any = binary;
  return &any;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void**, const char* function, char*, const char* name, int, void*, void*, void*, void*, int*) {
  kernels()[function] = name;
}
void __cudaRegisterVar(void**, char*, char*, const char*, int, std::size_t, int, int) {}
unsigned __cudaPushCallConfiguration(dim3, dim3, std::size_t, void*) { return 0; }
cudaError_t __cudaPopCallConfiguration(dim3*, dim3*, std::size_t*, void*) { return cudaSuccess; }
cudaError_t __cudaGetKernel(const void** kernel, const void* function) { return *kernel = function, cudaSuccess; }
cudaError_t __cudaLaunchKernel(const void* kernel, dim3, dim3, void**, std::size_t, cudaStream_t) { return refuse(kernel); }
cudaError_t cudaLaunchKernel(const void* kernel, dim3, dim3, void**, std::size_t, cudaStream_t) { return refuse(kernel); }
cudaError_t cudaLaunchKernelExC(const void*, const void* kernel, void**) { return refuse(kernel); }
cudaError_t cudaKernelSetAttributeForDevice(void*, int, int, int) { return cudaErrorNotSupported; }
cudaError_t cudaFuncGetAttributes(void*, const void*) { return cudaErrorNotSupported; }
cudaError_t cudaFuncSetAttribute(const void*, int, int) { return cudaErrorNotSupported; }
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int*, const void*, int, std::size_t, unsigned) {
  return cudaErrorNotSupported;
}
cudaError_t cudaLibraryGetKernel(void**, void*, const char*) { return cudaErrorNotSupported; }
cudaError_t cudaLibraryLoadData(void**, const void*, void*, void**, unsigned, void*, void**, unsigned) {
  return cudaErrorNotSupported;
}
cudaError_t cudaLibraryUnload(void*) { return cudaErrorNotSupported; }
cudaError_t cudaGetDriverEntryPointByVersion(const char*, void**, unsigned, unsigned long long, void*) {
  return cudaErrorNotSupported;
}
}
#pragma GCC visibility pop
