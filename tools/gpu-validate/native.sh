#!/usr/bin/env bash
# Proves the native engine on a CUDA machine that may have neither a network nor Node: configures with CUDA required,
# builds for the GPUs that are there, runs CTest, then the benchmark of the kernels.
#
#   tools/gpu-validate/native.sh [build folder]
#
# Needs: CMake 3.22, a C++20 compiler, the CUDA toolkit, a driver. Optional, for sessions on CUDA and TensorRT:
#   ONNXRUNTIME_ROOT     an unpacked onnxruntime GPU release (include/ and lib/); without it, what `hazure doctor
#                        --fetch-gpu` and `npm run setup` left in the cache folder; without that, the kernels alone
#   HAZURE_ONNXRUNTIME   the libonnxruntime to open, when it is not ONNXRUNTIME_ROOT/lib/libonnxruntime.so
#   HAZURE_ORT_INCLUDE_DIR  its headers, when they are not under ONNXRUNTIME_ROOT/include
# Exit code: 0 all passed; 1 something failed, or a device test was skipped although there is a GPU for it; 2 no GPU.
set -euo pipefail

root="$(cd "$(dirname "$0")/.." && pwd)"
build="${1:-$root/native/build/gpu}"
say() { printf '\n== %s\n' "$*"; }

say "Machine"
if ! command -v nvidia-smi >/dev/null || ! nvidia-smi --query-gpu=index,name,compute_cap,driver_version,memory.total --format=csv; then
  echo "No CUDA device answers (nvidia-smi). Nothing can be proved here." >&2
  exit 2
fi
nvcc="${CUDACXX:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}"
if ! [ -x "$nvcc" ]; then
  echo "There is no CUDA compiler at $nvcc: install the CUDA toolkit, or set CUDACXX." >&2
  exit 1
fi
"$nvcc" --version | tail -n 2
cmake --version | head -n 1
c++ --version | head -n 1

# Only what is plugged in: a fifth of the time that all architectures take.
architectures="$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | tr -d '. ' | { grep -E '^[0-9]+$' || true; } |
  sort -u | paste -sd ';' -)"
if [ -z "$architectures" ]; then
  echo "nvidia-smi does not tell the compute capability: update the driver." >&2
  exit 1
fi

runtime="${HAZURE_ONNXRUNTIME:-}"
include="${HAZURE_ORT_INCLUDE_DIR:-}"
if [ -n "${ONNXRUNTIME_ROOT:-}" ]; then
  [ -n "$runtime" ] || runtime="$ONNXRUNTIME_ROOT/lib/libonnxruntime.so"
  [ -n "$include" ] || include="$ONNXRUNTIME_ROOT/include"
fi
cache="${HAZURE_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/hazure}"
newest() { find "$cache" -path "$1" 2>/dev/null | sort | tail -n 1; }
[ -n "$runtime" ] || runtime="$(newest '*/gpu-runtime/*/libonnxruntime.so.1')"
if [ -z "$include" ]; then
  header="$(newest '*/onnxruntime-headers/*/onnxruntime_cxx_api.h')"
  [ -z "$header" ] || include="$(dirname "$header")"
fi
echo "ONNX Runtime: ${runtime:-none}; headers: ${include:-none}"
export HAZURE_ONNXRUNTIME="$runtime"
export ORT_DISABLE_TELEMETRY=1

say "Build in $build for architectures $architectures"
cmake -S "$root/native" -B "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CUDA_COMPILER="$nvcc" \
  -DCMAKE_CUDA_ARCHITECTURES="$architectures" -DHAZURE_CUDA=ON -DHAZURE_NAPI=OFF \
  -DHAZURE_BUILD_TESTS=ON -DHAZURE_BUILD_BENCH=ON -DHAZURE_ORT_INCLUDE_DIR="$include"
cmake --build "$build" --parallel "$(nproc)"

say "Tests"
log="$build/gpu-validate.log"
status=0
ctest --test-dir "$build" --output-on-failure --no-tests=error --output-junit "$build/gpu-validate.xml" | tee "$log" || status=1

# On a machine with a GPU a skipped kernel test proves nothing and must not pass for a success.
if grep -E '(cuda\.[a-z_]+).*\*\*\*Skipped' "$log"; then
  echo "Kernel tests were skipped although there is a GPU." >&2
  status=1
fi
engine="$build/tests/engine/hazure_engine_tests"
if ! [ -x "$engine" ]; then
  echo "Sessions were left out: no ONNX Runtime headers (set ONNXRUNTIME_ROOT)."
else
  # CTest hides what a passing suite skipped, such as TensorRT where only CUDA is there.
  for suite in device provider_options; do
    "$engine" "$suite" || true
  done
  if [ -n "$runtime" ] && grep -qE 'engine\.(device|provider_options).*\*\*\*Skipped' "$log"; then
    echo "Sessions on the GPU were not tested, although there is a runtime for them: $runtime" >&2
    status=1
  fi
fi

say "Benchmark"
if [ -x "$build/bench/hazure_bench" ]; then
  "$build/bench/hazure_bench" || status=1
fi
if [ "$status" -eq 0 ]; then say "All passed"; else say "FAILED, see $log"; fi
exit "$status"
