// cuDNN as far as the provider asks for it before a convolution comes, which it can't do here.

#pragma GCC visibility push(default)
extern "C" {
int cudnnCreate(void** handle) {
  static char any;
  return *handle = &any, 0;
}
int cudnnDestroy(void*) { return 0; }
int cudnnSetStream(void*, void*) { return 0; }
unsigned long cudnnGetVersion() { return 91'000; }
const char* cudnnGetErrorString(int) { return "stand-in"; }
}
#pragma GCC visibility pop
