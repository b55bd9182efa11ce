/**
 * ONNX Runtime's own CUDA provider under hazure's engine, on a machine without a GPU: the provider gets the emulated
 * CUDA runtime of the C++ tests, whose device memory is the host's, and products of matrices. Its kernels can't run
 * there; networks of copies and products do, all the way from pixels to rows and boxes. See
 * native/tests/cuda_emulation/provider.
 *
 *   hazure doctor --fetch-gpu
 *   cmake --build native/build/test      (the C++ tests, see native/CMakeLists.txt)
 *   node libs/native-engine/bench/check-cuda-provider.mjs [BUILD]      (native/build/test when left out)
 *
 * Needs c++ and readelf.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchedRuntime, makeStandIns } from './stand-ins.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const built = join(process.argv[2] ?? join(root, 'native/build/test'), 'tests/cuda_emulation/provider');
const emulation = join(root, 'native/tests/cuda_emulation');
const library = fetchedRuntime();

const folder = mkdtempSync(join(tmpdir(), 'hazure-stand-ins-'));
try {
  makeStandIns(folder, library, {
    sources: {
      'libcublas.so.13': [join(emulation, 'provider/cublas.cpp')],
      'libcublasLt.so.13': [join(emulation, 'provider/cublaslt.cpp')],
      'libcudnn.so.9': [join(emulation, 'provider/cudnn.cpp')],
    },
    flags: ['-O2', `-I${emulation}`],
    // Without TensorRT, as on most machines: its stand-ins could not be called.
    skipped: ['libcudart.so.13', 'libnvinfer.so.10', 'libnvonnxparser.so.10'],
  });
  const env = {
    ...process.env,
    HAZURE_ONNXRUNTIME: library,
    HAZURE_STAND_INS: folder,
    ORT_DISABLE_TELEMETRY: '1',
    // Before any real ones: these tests are of the emulated device, wherever they run.
    LD_LIBRARY_PATH: [join(built, 'stand-ins'), folder].join(':'),
  };
  const { status, signal } = spawnSync(join(built, 'hazure_provider_tests'), { env, stdio: 'inherit' });
  if (signal !== null) console.error(`The tests ended with ${signal}.`);
  process.exitCode = status === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}
