/**
 * Builds the addon (`node build.mjs addon`) or configures, builds and runs the C++ tests (`node build.mjs test`).
 * The ONNX Runtime headers are found or fetched first. Without a CUDA compiler both are for the CPU, and say so.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureHeaders } from '../tools/bootstrap/ort-headers.mjs';
import { toolchain } from '../tools/bootstrap/toolchain.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const jobs = String(availableParallelism());

function run(command, args, extra = {}) {
  const result = spawnSync(command, args, { cwd: here, stdio: 'inherit', ...extra });
  if (result.error) throw result.error;
  if (result.status !== 0) {
    throw new Error(`${[command, ...args].join(' ')} ended with ${result.status ?? result.signal}`);
  }
}

/** Whether a build folder was configured with these cache entries. */
function configuredWith(folder, cache) {
  try {
    const text = readFileSync(join(folder, 'CMakeCache.txt'), 'utf8');
    return Object.entries(cache).every(([key, value]) =>
      text.split('\n').some((line) => line.startsWith(`${key}:`) && line.endsWith(`=${value}`)),
    );
  } catch {
    return false;
  }
}

async function buildAddon(headers) {
  const cmakeJs = join(
    dirname(createRequire(import.meta.url).resolve('cmake-js/package.json')),
    'bin',
    'cmake-js',
  );
  const options = { HAZURE_NAPI: 'ON', HAZURE_BUILD_TESTS: 'OFF', HAZURE_BUILD_BENCH: 'OFF' };
  options.HAZURE_ORT_INCLUDE_DIR = headers.folder;
  const folder = join(here, 'build', 'addon');
  const common = ['--out', folder, '--log-level', 'warn'];
  // `compile` never reconfigures an existing folder; `reconfigure` starts it anew.
  if (existsSync(folder) && !configuredWith(folder, options)) {
    run(process.execPath, [cmakeJs, 'clean', ...common]);
  }
  const defines = Object.entries(options).map(([key, value]) => `--CD${key}=${value}`);
  run(process.execPath, [cmakeJs, 'compile', ...common, '--parallel', jobs, ...defines]);
}

async function testCore(headers) {
  const { generator } = toolchain();
  const folder = join(here, 'build', 'test');
  run('cmake', [
    ...['-S', here, '-B', folder, '-DCMAKE_BUILD_TYPE=Release'],
    ...(existsSync(join(folder, 'CMakeCache.txt')) ? [] : ['-G', generator]),
    ...['-DHAZURE_BUILD_TESTS=ON', '-DHAZURE_BUILD_BENCH=ON', '-DHAZURE_NAPI=OFF'],
    `-DHAZURE_ORT_INCLUDE_DIR=${headers.folder}`,
  ]);
  run('cmake', ['--build', folder, '--parallel', jobs]);
  const results = join(here, 'test-results');
  mkdirSync(results, { recursive: true });
  run('ctest', [
    '--test-dir',
    folder,
    '--output-on-failure',
    '--no-tests=error',
    '--output-junit',
    join(results, 'ctest.xml'),
  ]);
}

const actions = { addon: buildAddon, test: testCore };
const action = actions[process.argv[2]];
if (!action) {
  console.error(`usage: node build.mjs ${Object.keys(actions).join('|')}`);
  process.exitCode = 2;
} else {
  try {
    await action(await ensureHeaders());
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
