#pragma once

// Starts a kernel. Without nvcc, kernel files are compiled as plain C++ and run by the emulator of the tests.
#if defined(__CUDACC__)
#define HAZURE_LAUNCH(kernel, grid, block, stream, ...) kernel<<<grid, block, 0, stream>>>(__VA_ARGS__)
#else
#include "emulator.hpp"
#define HAZURE_LAUNCH(kernel, grid, block, stream, ...) \
  (static_cast<void>(stream), emulator::launch(grid, block, [=] { kernel(__VA_ARGS__); }))
#endif
