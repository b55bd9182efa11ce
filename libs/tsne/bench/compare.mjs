#!/usr/bin/env node
/**
 * Compares @hazure/tsne with scikit-learn and DruidJS: same data, perplexity and iterations, as many threads, runs taken in turn.
 * Wall time depends on who else uses the machine; processor time (all threads) less so; both
 * are printed as ratios. Quality is judged for all alike by reference.py.
 *   node libs/tsne/bench/compare.mjs clusters:2000x512 [--repeats 3] [--peers sklearn,druid] [--options '{"method":"fft"}']
 *   node libs/tsne/bench/compare.mjs A.npy+B.npy …
 * With --threads 1 the processor times are comparable even on a busy machine: nothing waits for anything.
 * DruidJS: npm install it anywhere and set DRUID to its entry file.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readMatrix } from './data.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    repeats: { type: 'string', default: '3' },
    peers: { type: 'string', default: 'sklearn' },
    iterations: { type: 'string', default: '1000' },
    perplexity: { type: 'string', default: '30' },
    options: { type: 'string', default: '{}' },
    threads: { type: 'string', default: '2' },
    'no-judge': { type: 'boolean', default: false },
  },
});
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
// Waiting threads of scikit-learn sleep instead of spinning, which on a shared machine would slow it twentyfold.
const env = {
  ...process.env,
  OMP_NUM_THREADS: values.threads,
  OPENBLAS_NUM_THREADS: values.threads,
  OMP_WAIT_POLICY: 'passive',
  GOMP_SPINCOUNT: '0',
};
const call = (command, args) =>
  JSON.parse(
    execFileSync(command, args, { env, encoding: 'utf8', maxBuffer: 1 << 26 })
      .trim()
      .split('\n')
      .pop(),
  );
const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

const folder = mkdtempSync(join(tmpdir(), 'tsne-compare-'));
try {
  for (const source of positionals) compare(source);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function compare(source) {
  const { data, rows, cols } = readMatrix(source);
  const input = join(folder, 'x.f32');
  writeFileSync(input, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  const size = [input, rows, cols].map(String);
  const run = [values.iterations, values.perplexity, values.threads];
  const runners = {
    hazure: (out) =>
      call(process.execPath, [here('run-one.mjs'), 'hazure', ...size, ...run, out, values.options]),
    sklearn: (out) => call('/usr/bin/python3', [here('reference.py'), 'run', ...size, ...run, out]),
    druid: (out) => call(process.execPath, [here('run-one.mjs'), 'druid', ...size, ...run, out]),
  };
  const names = ['hazure', ...values.peers.split(',').filter(Boolean)];
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
    for (const name of names) {
      if (name === 'druid' && repeat > 0) continue;
      results[name].push(runners[name](join(folder, `${name}.f32`)));
    }
  }
  const judged = values['no-judge']
    ? []
    : call('/usr/bin/python3', [
        here('reference.py'),
        'judge',
        ...size,
        values.perplexity,
        ...names.map((name) => join(folder, `${name}.f32`)),
      ]);
  const table = names.map((name, i) => ({
    name,
    seconds: median(results[name].map((r) => r.seconds)),
    cpuSeconds: median(results[name].map((r) => r.cpuSeconds)),
    ...judged[i],
  }));
  const [own] = table;
  const shown = table.map((row) => ({
    ...row,
    timesSlower: row.seconds / own.seconds,
    timesMoreCpu: row.cpuSeconds / own.cpuSeconds,
  }));
  console.log(
    `\n${source} (${rows} × ${cols}), ${values.iterations} iterations, perplexity ${values.perplexity}, ${values.threads} threads`,
  );
  console.table(
    shown.map((row) =>
      Object.fromEntries(Object.entries(row).map(([k, v]) => [k, v?.toFixed ? +v.toFixed(4) : v])),
    ),
  );
  const { parts, neighbours, method } = results.hazure.at(-1);
  console.log(
    JSON.stringify({
      method,
      parts,
      neighbours,
      walls: names.map((n) => results[n].map((r) => +r.seconds.toFixed(2))),
    }),
  );
}
