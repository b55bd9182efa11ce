/**
 * Can the emulated CUDA tests fail? Breaks one line of native/cuda after the other, in a copy, and expects the tests to
 * notice each. Ends with 1 when one goes unnoticed, or when a line to break is not there any more.
 *
 *   node tools/engine/mutation-check.mjs [TEXT]     TEXT: only what names it; all take some ten minutes on two cores
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `[file below native/cuda, what is there, what it becomes, what is wrong then]` */
const MUTATIONS = [
  ['preprocess_kernels.cu', 'batch.reversed ? 2 - c : c', 'c', 'BGR is not swapped'],
  ['preprocess_kernels.cu', '(px + job.crop_x)', '(px)', 'a crop begins at the left edge'],
  ['preprocess.cpp', 'if (is_new) bytes +=', 'bytes +=', 'an image is uploaded once per crop'],
  [
    'preprocess.cpp',
    'needs.weights += static_cast<long long>(layout.visible_width)',
    'needs.weights += 0LL * static_cast<long long>(layout.visible_width)',
    'rows overwrite the weights of columns',
  ],
  ['collect_kernels.cu', 'box[3LL * anchors]', 'box[2LL * anchors]', 'boxes are square'],
  ['collect_kernels.cu', 'class_id < best.class_id', 'class_id > best.class_id', 'ties go to the last class'],
  ['collect_kernels.cu', 'if (nan) atomicOr(a.faults, kNanScore);', '', 'NaN scores go unsaid'],
  [
    'suppress_kernels.cu',
    '(earlier[i] & alive) != 0',
    'false',
    'boxes of one tile do not suppress each other',
  ],
  ['suppress_kernels.cu', 'fminf(a.x2, b.x2)', 'fmaxf(a.x2, b.x2)', 'overlaps are too wide'],
  [
    'suppress_kernels.cu',
    '      }\n      __syncthreads();\n    }\n  }\n}',
    '      }\n    }\n  }\n}',
    'the sort does not wait for its steps',
  ],
  ['normalise_kernels.cu', 'atomicMin(', 'atomicAdd(', 'the row that is no number is not the first'],
  [
    'check.hpp',
    'status == cudaErrorMemoryAllocation',
    'status == cudaErrorInsufficientDriver',
    'running out of memory is some other error',
  ],
  [
    'workspace_memory.hpp',
    '      data_ = nullptr;\n      bytes_ = 0;\n      check(cudaMalloc(',
    '      check(cudaMalloc(',
    'a buffer is freed twice after a failed allocation',
  ],
  [
    'cuda_info.cpp',
    'total_bytes,\n                            free_bytes',
    'free_bytes,\n                            total_bytes',
    'free and total memory are swapped',
  ],
];

const wanted = MUTATIONS.filter((mutation) => mutation.join(' ').includes(process.argv[2] ?? ''));
const native = fileURLToPath(new URL('../../native', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'hazure-mutations-'));
const build = join(work, 'out');
const quietly = (command, args) => spawnSync(command, args, { encoding: 'utf8', timeout: 600_000 });
const make = () =>
  quietly('cmake', [
    '--build',
    build,
    '--target',
    'hazure_emulated_tests',
    '--parallel',
    String(availableParallelism()),
  ]);
const test = () => quietly(join(build, 'tests', 'hazure_emulated_tests'), []);

try {
  const source = join(work, 'native');
  cpSync(native, source, {
    recursive: true,
    filter: (path) => !/[/\\](build|node_modules|test-results)$/.test(path),
  });
  const configured = quietly('cmake', [
    ...['-S', source, '-B', build, '-DCMAKE_BUILD_TYPE=Release', '-DHAZURE_CUDA=OFF'],
    ...['-DHAZURE_BUILD_BENCH=OFF', '-DHAZURE_NAPI=OFF'],
  ]);
  const built = make();
  const whole = test();
  if (configured.status !== 0 || built.status !== 0 || whole.status !== 0) {
    throw new Error(`the tests fail as they are:\n${configured.stderr}${built.stdout}${whole.stdout}`);
  }
  let unnoticed = 0;
  for (const [name, from, to, consequence] of wanted) {
    const file = join(source, 'cuda', name);
    const original = readFileSync(file, 'utf8');
    if (!original.includes(from)) {
      unnoticed += 1;
      console.log(`GONE       ${name}: no line has “${from.split('\n')[0]}”; choose another`);
      continue;
    }
    writeFileSync(file, original.replace(from, to));
    const compiled = make();
    const run = compiled.status === 0 ? test() : null;
    const noticed = run !== null && run.status !== 0;
    if (!noticed) unnoticed += 1;
    const how =
      run === null ? 'it does not compile' : (run.signal ?? /FAILED +([^\n:]*)/.exec(run.stdout)?.[1] ?? '');
    console.log(`${noticed ? 'noticed   ' : 'UNNOTICED '} ${name}: ${consequence}${how ? ` (${how})` : ''}`);
    writeFileSync(file, original);
  }
  console.log(`${wanted.length - unnoticed} of ${wanted.length} noticed`);
  process.exitCode = unnoticed === 0 ? 0 : 1;
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
