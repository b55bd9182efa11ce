/**
 * Builds the addon (`node build.mjs addon`) or configures, builds and runs the C++ tests (`node build.mjs test`).
 * The ONNX Runtime headers are found or fetched first. Without a CUDA compiler both are for the CPU, and say so.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureHeaders } from '../tools/bootstrap/ort-headers.mjs';
import { toolchain } from '../tools/bootstrap/toolchain.mjs';

const here = dirname(fileURLToPath(import.meta.url));
/** AUTO: with CUDA where a compiler for it is found; ON, OFF. */
const cudaChoice = process.env.HAZURE_CUDA ?? 'AUTO';
const jobs = String(availableParallelism());

function run(command, args, extra = {}) {
  const result = spawnSync(command, args, { cwd: here, stdio: 'inherit', ...extra });
  if (result.error) throw result.error;
  if (result.status !== 0) {
    throw new Error(`${[command, ...args].join(' ')} ended with ${result.status ?? result.signal}`);
  }
}

/** Two builds in one folder break each other: the second waits for the first. */
async function alone(work) {
  const lock = join(here, 'build', '.lock');
  mkdirSync(dirname(lock), { recursive: true });
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      if (!isAlive(lock)) rmSync(lock, { force: true });
      else await new Promise((retry) => setTimeout(retry, 200));
    }
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function isAlive(lock) {
  try {
    process.kill(Number(readFileSync(lock, 'utf8')), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Whether a build folder was configured to the end, with these cache entries. */
function configuredWith(folder, cache) {
  if (!['build.ninja', 'Makefile'].some((name) => existsSync(join(folder, name)))) return false;
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
  options.HAZURE_CUDA = cudaChoice;
  const folder = join(here, 'build', 'addon');
  const common = ['--out', folder, '--log-level', 'warn'];
  // An existing folder is never reconfigured with other options: it is made anew.
  if (existsSync(folder) && !configuredWith(folder, options)) {
    run(process.execPath, [cmakeJs, 'clean', ...common]);
  }
  const defines = Object.entries(options).map(([key, value]) => `--CD${key}=${value}`);
  run(process.execPath, [cmakeJs, 'build', ...common, '--parallel', jobs, ...defines]);
  // Published by renaming: a process that has the old one open keeps it, and none ever sees half a file.
  const published = join(here, 'build', 'Release', 'hazure.node');
  mkdirSync(dirname(published), { recursive: true });
  copyFileSync(join(folder, 'Release', 'hazure.node'), `${published}.new`);
  renameSync(`${published}.new`, published);
}

/** The libonnxruntime that onnxruntime-node ships, for the tests that run models. */
function bundledRuntime() {
  const bin = join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json')), 'bin');
  for (const folder of readdirSync(bin)) {
    const library = join(bin, folder, process.platform, process.arch, 'libonnxruntime.so.1');
    if (existsSync(library)) return library;
  }
  return '';
}

async function testCore(headers) {
  const { generator } = toolchain();
  const folder = join(here, 'build', 'test');
  run('cmake', [
    ...['-S', here, '-B', folder, '-DCMAKE_BUILD_TYPE=Release'],
    ...(existsSync(join(folder, 'CMakeCache.txt')) ? [] : ['-G', generator]),
    ...['-DHAZURE_BUILD_TESTS=ON', '-DHAZURE_BUILD_BENCH=ON', '-DHAZURE_NAPI=OFF'],
    `-DHAZURE_ORT_INCLUDE_DIR=${headers.folder}`,
    `-DHAZURE_CUDA=${cudaChoice}`,
  ]);
  run('cmake', ['--build', folder, '--parallel', jobs]);
  const results = join(here, 'test-results');
  mkdirSync(results, { recursive: true });
  const env = { ...process.env, HAZURE_ONNXRUNTIME: process.env.HAZURE_ONNXRUNTIME ?? bundledRuntime() };
  const ctest = [
    '--test-dir',
    folder,
    '--output-on-failure',
    '--no-tests=error',
    '--output-junit',
    join(results, 'ctest.xml'),
  ];
  run('ctest', ctest, { env });
}

const actions = { addon: buildAddon, test: testCore };
const action = actions[process.argv[2]];
if (!action) {
  console.error(`usage: node build.mjs ${Object.keys(actions).join('|')}`);
  process.exitCode = 2;
} else {
  try {
    const headers = await ensureHeaders();
    await alone(() => action(headers));
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
