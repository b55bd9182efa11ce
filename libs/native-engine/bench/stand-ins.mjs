/**
 * Stand-ins for NVIDIA's libraries, so that ONNX Runtime's CUDA and TensorRT providers load on a machine without them:
 * libraries of the same names and symbol versions, with every function that the providers link against.
 *
 * Needs c++ and readelf.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gpuRuntimeLibrary } from '../dist/index.js';

const NVIDIA = /^lib(cublas|cublasLt|cudart|cudnn|curand|cuda|nvinfer|nvonnxparser)\.so\.\d+$/;
/** TensorRT's symbols carry no version that would tell the library. */
const ownerOf = (symbol) => (symbol.includes('Parser') ? 'libnvonnxparser.so.10' : 'libnvinfer.so.10');

/** The libonnxruntime that has providers beside it; ends the process with 2 where it was not fetched. */
export function fetchedRuntime() {
  const library = gpuRuntimeLibrary();
  if (library !== null) return library;
  console.error('The GPU runtime is not here: run `hazure doctor --fetch-gpu` first.');
  process.exit(2);
}

/** What the providers beside `library` need of NVIDIA's libraries: names, and the functions that each has to have. */
function wanted(library) {
  const libraries = new Map();
  const functionsOf = (name) => libraries.get(name) ?? libraries.set(name, new Set()).get(name);
  for (const provider of ['cuda', 'tensorrt']) {
    const file = join(dirname(library), `libonnxruntime_providers_${provider}.so`);
    const dump = (...flags) =>
      execFileSync('readelf', ['-W', ...flags, file], { encoding: 'utf8', maxBuffer: 1 << 28 });
    for (const [, name] of dump('-d').matchAll(/\(NEEDED\).*\[(.+)\]/g)) {
      if (NVIDIA.test(name)) functionsOf(name);
    }
    for (const [, symbol, version] of dump('--dyn-syms').matchAll(
      /FUNC\s+GLOBAL\s+DEFAULT\s+UND (\w+)(?:@(\S+))?/g,
    )) {
      if (version === undefined) functionsOf(ownerOf(symbol)).add(symbol);
      else if (NVIDIA.test(version)) functionsOf(version).add(symbol);
    }
  }
  return libraries;
}

/**
 * Builds the libraries into `folder`. Every function answers `no device` (100) unless `sources` has it.
 *
 * @param library libonnxruntime with its providers beside it
 * @param sources by library name, C++ files with functions that do something, compiled with `flags`
 * @param skipped libraries that come from elsewhere
 */
export function makeStandIns(folder, library, { sources = {}, flags = [], skipped = [] } = {}) {
  const libraries = wanted(library);
  for (const name of Object.keys(sources)) if (!libraries.has(name)) libraries.set(name, new Set());
  for (const [name, functions] of libraries) {
    if (skipped.includes(name)) continue;
    // Weak, so that a function of `sources` wins. 100 is cudaErrorNoDevice and CUDA_ERROR_NO_DEVICE.
    const lines = [...functions, 'hazure_stand_in'].map(
      (symbol) => `extern "C" __attribute__((weak)) int ${symbol}() { return hazure_absent("${symbol}"); }`,
    );
    const quiet = sources[name] === undefined;
    lines.unshift(
      '#include <cstdio>',
      `static int hazure_absent(const char* name) { ${quiet ? '(void)name;' : 'std::fprintf(stderr, "stand-in: no %s\\n", name);'} return 100; }`,
    );
    writeFileSync(join(folder, 'stand-in.cpp'), lines.join('\n'));
    writeFileSync(join(folder, 'versions'), `${name} { global: *; };`);
    const versioned = name.startsWith('libnv') ? [] : [`-Wl,--version-script=${join(folder, 'versions')}`];
    execFileSync(
      'c++',
      [
        ...['-std=c++20', '-shared', '-fPIC', '-fno-builtin', '-w', ...flags],
        ...[join(folder, 'stand-in.cpp'), ...(sources[name] ?? [])],
        ...['-o', join(folder, name), `-Wl,-soname,${name}`, ...versioned],
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
  }
}
