/**
 * Do ONNX Runtime's own CUDA and TensorRT providers take every option that hazure makes, by name and value? They parse
 * options without a device, but do not load without NVIDIA's libraries. Where those are absent this builds stand-ins
 * whose functions all answer "no device". So the check runs on any Linux machine.
 *
 *   hazure doctor --fetch-gpu
 *   cmake --build native/build/test      (the C++ tests, see native/CMakeLists.txt)
 *   node libs/native-engine/bench/check-provider-options.mjs [TEST_BINARY]
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
const binary = process.argv[2] ?? join(root, 'native/build/test/tests/engine/hazure_engine_tests');
const library = fetchedRuntime();

const folder = mkdtempSync(join(tmpdir(), 'hazure-stand-ins-'));
try {
  makeStandIns(folder, library);
  const env = { ...process.env, HAZURE_ONNXRUNTIME: library, ORT_DISABLE_TELEMETRY: '1' };
  // Real libraries win where the machine has them.
  env.LD_LIBRARY_PATH = [process.env.LD_LIBRARY_PATH, folder].filter(Boolean).join(':');
  const { status } = spawnSync(binary, ['provider_options'], { env, stdio: 'inherit' });
  process.exitCode = status === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true });
}
