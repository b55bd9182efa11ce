// cuBLASLt as far as the provider asks for it in every session.

#pragma GCC visibility push(default)
extern "C" {
int cublasLtCreate(void** handle) {
  static char any;
  return *handle = &any, 0;
}
int cublasLtDestroy(void*) { return 0; }
}
#pragma GCC visibility pop
