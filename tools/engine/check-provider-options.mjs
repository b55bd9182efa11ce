/**
 * Do ONNX Runtime's own CUDA and TensorRT providers take every option that hazure makes, by name and value? They parse
 * options without a device, but do not load without NVIDIA's libraries. Where those are absent this builds stand-ins:
 * libraries of the same names whose functions all answer "no device". So the check runs on any Linux machine.
 *
 *   hazure doctor --fetch-gpu
 *   cmake --build native/build/test      (the C++ tests, see native/CMakeLists.txt)
 *   node tools/engine/check-provider-options.mjs [TEST_BINARY]
 *
 * Needs cc and readelf.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gpuRuntimeLibrary } from '../../libs/native-engine/dist/index.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const binary = process.argv[2] ?? join(root, 'native/build/test/tests/engine/hazure_engine_tests');
const library = gpuRuntimeLibrary();
if (library === null) {
  console.error('The GPU runtime is not here: run `hazure doctor --fetch-gpu` first.');
  process.exit(2);
}

const NVIDIA = /^lib(cublas|cublasLt|cudart|cudnn|curand|cuda|nvinfer|nvonnxparser)\.so\.\d+$/;
/** TensorRT's symbols carry no version that would tell the library. */
const ownerOf = (symbol) => (symbol.includes('Parser') ? 'libnvonnxparser.so.10' : 'libnvinfer.so.10');

/** What the providers need of NVIDIA's libraries: names, and the functions that each has to have. */
function wanted() {
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

const folder = mkdtempSync(join(tmpdir(), 'hazure-stand-ins-'));
try {
  for (const [name, functions] of wanted()) {
    // 100 is cudaErrorNoDevice and CUDA_ERROR_NO_DEVICE.
    const source = [...functions, 'hazure_stand_in'].map((symbol) => `int ${symbol}(void) { return 100; }`);
    writeFileSync(join(folder, 'source.c'), source.join('\n'));
    writeFileSync(join(folder, 'versions'), `${name} { global: *; };`);
    const versioned = name.startsWith('libnv') ? [] : [`-Wl,--version-script=${join(folder, 'versions')}`];
    execFileSync('cc', [
      ...['-shared', '-fPIC', '-fno-builtin', join(folder, 'source.c'), '-o', join(folder, name)],
      ...[`-Wl,-soname,${name}`, ...versioned],
    ]);
  }
  const env = { ...process.env, HAZURE_ONNXRUNTIME: library, ORT_DISABLE_TELEMETRY: '1' };
  // Real libraries win where the machine has them.
  env.LD_LIBRARY_PATH = [process.env.LD_LIBRARY_PATH, folder].filter(Boolean).join(':');
  const { status } = spawnSync(binary, ['provider_options'], { env, stdio: 'inherit' });
  process.exitCode = status === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}
