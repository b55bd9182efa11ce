#!/usr/bin/env node
/**
 * How time and memory grow: one run per source in a process of its own. Prints wall and processor seconds, wall
 * seconds per part, peak resident memory (of the whole process, the rows handed in among it), and from the second
 * source on the powers of n with which processor time and memory grew.
 *   node libs/tsne/bench/scale.mjs [sheets:100000x50 sheets:200000x50 …] [--threads 2] [--iterations 1000]
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { tsne } from '../dist/index.js';
import { readMatrix } from './data.mjs';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: 'string', default: '2' },
    iterations: { type: 'string', default: '1000' },
    one: { type: 'string' },
  },
});
const SIZES = [100_000, 200_000, 500_000, 1_000_000];

if (values.one) await runOne(values.one);
else runAll(positionals.length > 0 ? positionals : SIZES.map((n) => `sheets:${n}x50`));

async function runOne(source) {
  const x = readMatrix(source);
  const started = process.cpuUsage();
  const result = await tsne(x, {
    threads: Number(values.threads),
    iterations: Number(values.iterations),
    onProgress: ({ stage, done }) => done % 250 === 0 && console.error(`${source} ${stage} ${done}`),
  });
  const { user, system } = process.cpuUsage(started);
  // maxRSS is in KiB.
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  console.log(JSON.stringify({ ...result, y: undefined, cpuSeconds: (user + system) / 1e6, peakMiB }));
}

function runAll(sources) {
  let before = null;
  for (const source of sources) {
    const flags = ['--one', source, '--threads', values.threads, '--iterations', values.iterations];
    const result = JSON.parse(
      execFileSync(process.execPath, [fileURLToPath(import.meta.url), ...flags], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    const { n, method, klDivergence, neighbours, seconds, cpuSeconds, parts, peakMiB } = result;
    const power = (now, then) => Math.log(now / then) / Math.log(n / before.n);
    console.log(
      JSON.stringify({
        ...{ source, method, klDivergence, neighbours, seconds, cpuSeconds, parts, peakMiB },
        bytesPerRow: Math.round((peakMiB * 2 ** 20) / n),
        ...(before && {
          cpuPower: power(cpuSeconds, before.cpuSeconds),
          memoryPower: power(peakMiB, before.peakMiB),
        }),
      }),
    );
    before = result;
  }
}
