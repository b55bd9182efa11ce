/**
 * Can the emulated CUDA tests fail? Breaks one line of the engine after the other, in a copy, and expects the tests to
 * notice each. Ends with 1 when one goes unnoticed, or when a line to break is not there any more. Where the GPU runtime
 * is here (`hazure doctor --fetch-gpu`) the tests of ONNX Runtime's own provider are tried, too.
 *
 *   node libs/native-engine/bench/mutation-check.mjs [TEXT]     TEXT: only what names it; all take some fifteen minutes on two cores
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gpuRuntimeLibrary } from '../dist/index.js';
import { ensureHeaders } from '../../../tools/bootstrap/ort-headers.mjs';

/** `[file below native, what is there, what it becomes, what is wrong then]` */
const KERNELS = [
  ['cuda/preprocess_kernels.cu', 'batch.reversed ? 2 - c : c', 'c', 'BGR is not swapped'],
  ['cuda/preprocess_kernels.cu', '(px + job.crop_x)', '(px)', 'a crop begins at the left edge'],
  ['cuda/preprocess.cpp', 'if (is_new) bytes +=', 'bytes +=', 'an image is uploaded once per crop'],
  [
    'cuda/preprocess.cpp',
    'needs.weights += static_cast<long long>(layout.visible_width)',
    'needs.weights += 0LL * static_cast<long long>(layout.visible_width)',
    'rows overwrite the weights of columns',
  ],
  ['cuda/collect_kernels.cu', 'box[3LL * anchors]', 'box[2LL * anchors]', 'boxes are square'],
  [
    'cuda/collect_kernels.cu',
    'class_id < best.class_id',
    'class_id > best.class_id',
    'ties go to the last class',
  ],
  ['cuda/collect_kernels.cu', 'if (nan) atomicOr(a.faults, kNanScore);', '', 'NaN scores go unsaid'],
  [
    'cuda/suppress_kernels.cu',
    '(earlier[i] & alive) != 0',
    'false',
    'boxes of one tile do not suppress each other',
  ],
  ['cuda/suppress_kernels.cu', 'fminf(a.x2, b.x2)', 'fmaxf(a.x2, b.x2)', 'overlaps are too wide'],
  [
    'cuda/suppress_kernels.cu',
    '      }\n      __syncthreads();\n    }\n  }\n}',
    '      }\n    }\n  }\n}',
    'the sort does not wait for its steps',
  ],
  ['cuda/normalise_kernels.cu', 'atomicMin(', 'atomicAdd(', 'the row that is no number is not the first'],
  [
    'cuda/check.hpp',
    'status == cudaErrorMemoryAllocation',
    'status == cudaErrorInsufficientDriver',
    'running out of memory is some other error',
  ],
  [
    'cuda/workspace_memory.hpp',
    '      data_ = nullptr;\n      bytes_ = 0;\n      check(cudaMalloc(',
    '      check(cudaMalloc(',
    'a buffer is freed twice after a failed allocation',
  ],
  [
    'cuda/cuda_info.cpp',
    'total_bytes,\n                            free_bytes',
    'free_bytes,\n                            total_bytes',
    'free and total memory are swapped',
  ],
];

/** The same for what only the tests of the provider show. */
const PROVIDER = [
  [
    'cuda/device.cpp',
    'cudaStreamCaptureModeThreadLocal',
    'cudaStreamCaptureModeGlobal',
    'an allocation of another thread breaks a capture',
  ],
  [
    'core/engine/bound_runs.cpp',
    'if (place != place_) shapes_.clear();',
    '',
    'a graph is replayed on a tensor that has moved',
  ],
  ['core/engine/bound_runs.cpp', 'shape.dims == dims &&', '', 'a graph is replayed for another batch size'],
  [
    'core/engine/bound_runs.cpp',
    'shape.graph == Session::kNoGraph && graphs_',
    'graphs_',
    'every inference is captured anew',
  ],
  [
    'core/engine/session.cpp',
    'if (description_.graphs) run_options_',
    'if (false) run_options_',
    'the first inference is captured, on tensors that do not stay',
  ],
  [
    'core/engine/image_model.cpp',
    'stay ? std::move(values) : slot.to_host(values)',
    'std::move(values)',
    'device memory is read as if it were the host’s',
  ],
  [
    'core/engine/providers.cpp',
    'if (options.cuda.graphs) refuse_graphs(error, path);',
    '',
    'a network that cannot be captured is called a missing device',
  ],
  [
    'core/engine/ort_failure.cpp',
    'throw_memory_failure(reason);\n  if (reason.find("terminate',
    ';\n  if (reason.find("terminate',
    'the limit of the arena is some other error',
  ],
];

const provider = gpuRuntimeLibrary() !== null;
const MUTATIONS = [
  ...KERNELS.map((mutation) => [...mutation, 'hazure_emulated_tests']),
  ...(provider ? PROVIDER.map((mutation) => [...mutation, 'hazure_provider_tests']) : []),
];
const wanted = MUTATIONS.filter((mutation) => mutation.join(' ').includes(process.argv[2] ?? ''));
const native = fileURLToPath(new URL('../../../native', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'hazure-mutations-'));
const build = join(work, 'out');
const quietly = (command, args) => spawnSync(command, args, { encoding: 'utf8', timeout: 600_000 });
const make = (target) =>
  quietly('cmake', ['--build', build, '--target', target, '--parallel', String(availableParallelism())]);
const check = fileURLToPath(new URL('check-cuda-provider.mjs', import.meta.url));
const test = (target) =>
  target === 'hazure_provider_tests'
    ? quietly(process.execPath, [check, build])
    : quietly(join(build, 'tests', target), []);

try {
  const source = join(work, 'native');
  cpSync(native, source, {
    recursive: true,
    filter: (path) => !/[/\\](build|node_modules|test-results)$/.test(path),
  });
  const configured = quietly('cmake', [
    ...['-S', source, '-B', build, '-DCMAKE_BUILD_TYPE=Release', '-DHAZURE_CUDA=OFF'],
    ...[
      '-DHAZURE_BUILD_BENCH=OFF',
      '-DHAZURE_NAPI=OFF',
      `-DHAZURE_ORT_INCLUDE_DIR=${(await ensureHeaders()).folder}`,
    ],
  ]);
  for (const target of new Set(wanted.map((mutation) => mutation.at(-1)))) {
    const built = make(target);
    const whole = test(target);
    if (configured.status !== 0 || built.status !== 0 || whole.status !== 0) {
      throw new Error(`the tests fail as they are:\n${configured.stderr}${built.stdout}${whole.stdout}`);
    }
  }
  if (!provider) console.log('The GPU runtime is not here: only the kernels are tried.');
  let unnoticed = 0;
  for (const [name, from, to, consequence, target] of wanted) {
    const file = join(source, name);
    const original = readFileSync(file, 'utf8');
    if (!original.includes(from)) {
      unnoticed += 1;
      console.log(`GONE       ${name}: no line has “${from.split('\n')[0]}”; choose another`);
      continue;
    }
    writeFileSync(file, original.replace(from, to));
    const compiled = make(target);
    const run = compiled.status === 0 ? test(target) : null;
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
