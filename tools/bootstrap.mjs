#!/usr/bin/env node
/**
 * From a fresh clone to a result in one command: `npm run demo`, `npm test`, `npm run setup`.
 *
 * Needs nothing but Node: checks the machine, installs what the lockfile says, gets the ONNX Runtime headers, builds
 * the engine and all TypeScript, then does what was asked. What is up to date is left alone.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installDependencies, staleness } from './bootstrap/dependencies.mjs';
import { ensureHeaders } from './bootstrap/ort-headers.mjs';
import { attached, quiet, step } from './bootstrap/steps.mjs';
import { ensureToolchain, versionLine } from './bootstrap/toolchain.mjs';
import { ensureTurboJpeg } from './bootstrap/turbojpeg.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const OLDEST_NODE = [20, 19];

const actions = {
  demo: (rest) => attached(process.execPath, [join(root, 'apps/cli/bin/hazure.cjs'), 'demo', ...rest]),
  test: (rest) => nx(['run-many', '-t', 'lint', 'typecheck', 'test', '--outputStyle=static', ...rest]),
  setup: async () => {
    console.error('\nReady. Try `npx hazure --help`, or `npm run demo`.');
    return 0;
  },
};

function nx(args) {
  return attached(process.execPath, [nxBinary(), ...args], { cwd: root });
}

function nxBinary() {
  const folder = join(root, 'node_modules/nx');
  return join(folder, JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).bin.nx);
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  throw new Error(
    `hazure needs Node ${OLDEST_NODE.join('.')} or newer, this is ${process.versions.node}. ` +
      'Install one from https://nodejs.org or with your version manager (nvm install 22).',
  );
}

/** The kernel driver, natively or under WSL. */
function hasNvidiaDriver() {
  return ['/proc/driver/nvidia', '/dev/nvidiactl', '/dev/dxg'].some((path) => existsSync(path));
}

/**
 * The demo is about the first five minutes: where no GPU could be used it leaves out the CUDA kernels, which take
 * longer to compile than all the rest. `setup` and `test` build them wherever nvcc is, for the machine that runs may
 * be another.
 */
function chooseCuda(action) {
  if (action === 'demo' && process.env.HAZURE_CUDA === undefined && !hasNvidiaDriver()) {
    process.env.HAZURE_CUDA = 'OFF';
  }
}

function engineKind() {
  if (versionLine(process.env.CUDACXX ?? 'nvcc') === null) return 'engine for the CPU: no nvcc found';
  if (process.env.HAZURE_CUDA !== 'OFF') return 'engine with CUDA';
  return 'engine for the CPU: no NVIDIA driver here; `npm run setup` builds it with CUDA';
}

async function prepare() {
  await step('Build tools', (say) => {
    checkNode();
    const { compiler, cmake } = ensureToolchain(say);
    say(
      `node ${process.versions.node}, ${compiler.split(' ')[0]} ${/\d+\.\d+\.\d+/.exec(compiler)?.[0]}, ${cmake}`,
    );
  });
  await step('npm packages', async (say) => {
    const reason = staleness(root);
    if (reason === null) {
      say('up to date');
      return;
    }
    say(reason);
    await installDependencies(root);
  });
  await step('ONNX Runtime headers', async (say) => {
    const { apiVersion, origin } = await ensureHeaders();
    say(`API ${apiVersion}, ${origin}`);
  });
  await step('libjpeg-turbo', async (say) => say(await ensureTurboJpeg()));
  await step('Build', async (say) => {
    await quiet(process.execPath, [nxBinary(), 'run-many', '-t', 'build', '--outputStyle=static'], {
      cwd: root,
    });
    say(engineKind());
  });
}

const [name, ...rest] = process.argv.slice(2);
const action = actions[name];
if (action === undefined) {
  console.error(`usage: node tools/bootstrap.mjs ${Object.keys(actions).join('|')} [arguments]`);
  process.exitCode = 2;
} else {
  try {
    chooseCuda(name);
    await prepare();
    process.exitCode = await action(rest);
  } catch (error) {
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  }
}
