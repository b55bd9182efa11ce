/**
 * Attacks the addon's border: calls of every export with arguments that change under the reader (getters, proxies),
 * with buffers that are resized, transferred, shared, detached or collected while the call runs, with wrong and closed
 * handles, and with threads that are terminated in the middle. What is called for is an error with a code or the right
 * answer; calls that were not tampered with are held against an answer worked out before.
 *
 *   node bench/fuzz-border.mjs [--calls 200000] [--seed 1] [--per-process 5000] [--addon FILE] [--runtime FILE]
 *
 * Every `per-process` calls run in a process of their own with a seed of their own. A signal, a hang, an INTERNAL error
 * or a wrong answer fails the run and prints the command that repeats that process. Prints a JSON summary at the end.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
/** No sign of life for that long is a hang. */
const SILENCE_MS = 120_000;

function bundledRuntime() {
  const bin = join(dirname(require.resolve('onnxruntime-node/package.json')), 'bin');
  for (const version of readdirSync(bin)) {
    const library = join(bin, version, process.platform, process.arch, 'libonnxruntime.so.1');
    if (existsSync(library)) return library;
  }
  throw new Error('no libonnxruntime for this machine: give --runtime');
}

function arguments_() {
  const { values } = parseArgs({
    options: {
      calls: { type: 'string', default: '200000' },
      seed: { type: 'string', default: '1' },
      'per-process': { type: 'string', default: '5000' },
      addon: { type: 'string' },
      runtime: { type: 'string' },
      'child-preload': { type: 'string' },
      trace: { type: 'boolean', default: false },
    },
  });
  return {
    calls: Number(values.calls),
    seed: Number(values.seed),
    perProcess: Number(values['per-process']),
    addon:
      values.addon ?? process.env.HAZURE_ADDON ?? join(here, '../../../native/build/Release/hazure.node'),
    runtime: values.runtime ?? process.env.HAZURE_ONNXRUNTIME ?? bundledRuntime(),
    preload: values['child-preload'],
    trace: values.trace,
  };
}

/** One process of calls; resolves to its counts, rejects with what went wrong. */
function campaign(options, seed, calls) {
  const settings = { seed, calls, addon: options.addon, runtime: options.runtime, trace: options.trace };
  const child = spawn(
    process.execPath,
    ['--expose-gc', join(here, 'fuzz-border-child.mjs'), JSON.stringify(settings)],
    {
      env: { ...process.env, ...(options.preload ? { LD_PRELOAD: options.preload } : {}) },
      stdio: ['ignore', 'pipe', options.trace ? 'inherit' : 'pipe'],
    },
  );
  return new Promise((resolve, reject) => {
    let lines = '';
    let problems = '';
    let silent = false;
    let timer;
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        silent = true;
        child.kill('SIGKILL');
      }, SILENCE_MS);
    };
    alive();
    child.stdout.on('data', (text) => {
      alive();
      lines += text;
    });
    child.stderr?.on('data', (text) => {
      problems = (problems + text).slice(-6000);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const reports = lines.trim().split('\n');
      const last = reports.at(-1) ?? '';
      if (code === 0 && last.startsWith('{"done"')) resolve(JSON.parse(last).done);
      else
        reject(new Error(`${silent ? 'hang' : (signal ?? `exit code ${code}`)} after ${last}\n${problems}`));
    });
  });
}

async function main() {
  const options = arguments_();
  const total = { calls: 0, resolved: 0, rejected: 0, threw: 0, checked: 0, terminated: 0, codes: {} };
  const began = performance.now();
  for (let part = 0; total.calls < options.calls; part++) {
    const seed = options.seed + part;
    const calls = Math.min(options.perProcess, options.calls - total.calls);
    try {
      const counts = await campaign(options, seed, calls);
      for (const key of ['calls', 'resolved', 'rejected', 'threw', 'checked', 'terminated'])
        total[key] += counts[key];
      for (const [code, count] of Object.entries(counts.codes))
        total.codes[code] = (total.codes[code] ?? 0) + count;
    } catch (error) {
      console.error(`seed ${seed}: ${error.message}`);
      console.error(
        `repeat: node libs/native-engine/bench/fuzz-border.mjs --seed ${seed} --calls ${calls} --per-process ${calls} --trace`,
      );
      process.exitCode = 1;
      return;
    }
  }
  console.log(JSON.stringify({ ...total, seconds: Math.round((performance.now() - began) / 100) / 10 }));
}

await main();
