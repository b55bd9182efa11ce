// Products of matrices as cuBLAS has them, on the CPU, in the order of the emulated stream. Functions that are not here
// are made by libs/native-engine/bench/stand-ins.mjs and fail.
#include <cuda_runtime_api.h>

#include <cstdio>

namespace {

struct Handle {
  cudaStream_t stream = nullptr;
  int math_mode = 0;
};

/** Column-major, C = alpha op(A) op(B) + beta C. */
struct Product {
  bool transpose_a, transpose_b;
  int m, n, k;
  float alpha, beta;
  const float* a;
  const float* b;
  float* c;
  int lda, ldb, ldc;
};

void multiply(const void* arguments) {
  Product p;
  std::memcpy(&p, arguments, sizeof p);
  for (int column = 0; column < p.n; ++column) {
    for (int row = 0; row < p.m; ++row) {
      double sum = 0;
      for (int i = 0; i < p.k; ++i) {
        const float left = p.transpose_a ? p.a[row * p.lda + i] : p.a[i * p.lda + row];
        const float right = p.transpose_b ? p.b[i * p.ldb + column] : p.b[column * p.ldb + i];
        sum += static_cast<double>(left) * right;
      }
      float& out = p.c[column * p.ldc + row];
      out = static_cast<float>(p.alpha * sum + (p.beta == 0 ? 0.0 : p.beta * out));
    }
  }
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

const char* cublasGetStatusName(int) { return "stand-in"; }
const char* cublasGetStatusString(int) { return "stand-in"; }
int cublasCreate_v2(Handle** handle) { return *handle = new Handle, 0; }
int cublasDestroy_v2(Handle* handle) { return delete handle, 0; }
int cublasSetStream_v2(Handle* handle, cudaStream_t stream) { return handle->stream = stream, 0; }
int cublasGetMathMode(Handle* handle, int* mode) { return *mode = handle->math_mode, 0; }
int cublasSetMathMode(Handle* handle, int mode) { return handle->math_mode = mode, 0; }
int cublasSgemm_v2(Handle* handle, int transpose_a, int transpose_b, int m, int n, int k, const float* alpha, const float* a,
                   int lda, const float* b, int ldb, const float* beta, float* c, int ldc) {
  const Product product{transpose_a != 0, transpose_b != 0, m, n, k, *alpha, *beta, a, b, c, lda, ldb, ldc};
  return emulated_enqueue(handle->stream, multiply, &product, sizeof product);
}
}
#pragma GCC visibility pop
