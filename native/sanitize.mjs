// The engine's C++ tests and the addon under the address and undefined-behaviour sanitizers:
//   node native/sanitize.mjs [tests] [fuzz] [--calls N] [--seed S]
// `tests` runs CTest, `fuzz` runs libs/native-engine/bench/fuzz-border.mjs in a node that has the sanitizers loaded;
// without either, both. Needs GCC's libasan (Debian: with g++) and Linux. Exit code 0: nothing was found.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureHeaders } from '../tools/bootstrap/ort-headers.mjs';
import { toolchain } from '../tools/bootstrap/toolchain.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const folder = join(here, 'build', 'sanitize');

function run(command, args, env = {}) {
  const result = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`${command} ended with ${result.status ?? result.signal}`);
}

/** Path of a library of the compiler's. */
function compilerLibrary(name) {
  const compiler = process.env.CXX ?? 'c++';
  const { stdout } = spawnSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' });
  const path = (stdout ?? '').trim();
  if (!path.startsWith('/'))
    throw new Error(`${compiler} has no ${name}: install the sanitizer libraries of GCC`);
  return path;
}

function bundledRuntime() {
  const bin = join(dirname(require.resolve('onnxruntime-node/package.json')), 'bin');
  for (const version of readdirSync(bin)) {
    const library = join(bin, version, process.platform, process.arch, 'libonnxruntime.so.1');
    if (existsSync(library)) return library;
  }
  throw new Error('onnxruntime-node has no libonnxruntime for this machine: run `npm ci`');
}

async function build(wanted) {
  const headers = await ensureHeaders();
  const { generator } = toolchain();
  run('cmake', [
    ...['-S', here, '-B', folder, '-DCMAKE_BUILD_TYPE=Sanitize', '-DCMAKE_CXX_FLAGS=-O1 -g1'],
    ...(existsSync(join(folder, 'CMakeCache.txt')) ? [] : ['-G', generator]),
    ...['-DHAZURE_SANITIZE=ON', '-DHAZURE_BUILD_TESTS=ON', '-DHAZURE_BUILD_BENCH=OFF', '-DHAZURE_NAPI=ON'],
    // The kernels run as plain C++ under the emulator, where the sanitizers see them.
    '-DHAZURE_CUDA=OFF',
    `-DHAZURE_ORT_INCLUDE_DIR=${headers.folder}`,
    `-DCMAKE_JS_INC=${require('node-api-headers').include_dir}`,
  ]);
  const targets = wanted.includes('tests') ? [] : ['--target', 'hazure_addon'];
  run('cmake', ['--build', folder, '--parallel', String(availableParallelism()), ...targets]);
}

const SANITIZERS = {
  // ONNX Runtime and node are not instrumented: what they never free is theirs, and libasan comes second where it is
  // preloaded. A memory limit far above what there is would otherwise end the process instead of being an error.
  ASAN_OPTIONS:
    'detect_leaks=0:allocator_may_return_null=1:abort_on_error=1:handle_abort=1:detect_stack_use_after_return=1',
  UBSAN_OPTIONS: 'print_stacktrace=1:abort_on_error=1',
};

function tests() {
  run('ctest', ['--test-dir', folder, '--output-on-failure', '--no-tests=error'], {
    ...SANITIZERS,
    HAZURE_ONNXRUNTIME: process.env.HAZURE_ONNXRUNTIME ?? bundledRuntime(),
  });
}

function fuzz(calls, seed) {
  const script = join(here, '..', 'libs', 'native-engine', 'bench', 'fuzz-border.mjs');
  const preload = ['libasan.so', 'libubsan.so', 'libstdc++.so.6'].map(compilerLibrary).join(' ');
  const addon = join(folder, 'Release', 'hazure.node');
  run(
    process.execPath,
    [script, '--calls', calls, '--seed', seed, '--addon', addon, '--child-preload', preload],
    SANITIZERS,
  );
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { calls: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' } },
});
try {
  const wanted = positionals.length === 0 ? ['tests', 'fuzz'] : positionals;
  await build(wanted);
  if (wanted.includes('tests')) tests();
  if (wanted.includes('fuzz')) fuzz(values.calls, values.seed);
  console.log(`sanitizers: nothing found in ${wanted.join(' and ')}`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
