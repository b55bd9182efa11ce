#!/usr/bin/env node
/**
 * Time and peak memory of a listing of N entries, none of which is opened (lines of addresses):
 *   node libs/inputs/bench/listing.mjs [N …]        (after a build; each N in a process of its own)
 */
import { spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openInputs } from '../dist/index.js';

const [first, ...more] = process.argv.slice(2).map(Number);
if (first === undefined || more.length > 0) {
  for (const n of first === undefined ? [10_000, 100_000, 1_000_000] : [first, ...more]) {
    spawnSync(process.execPath, [process.argv[1], String(n)], { stdio: 'inherit' });
  }
} else {
  const folder = await mkdtemp(join(tmpdir(), 'hazure-bench-'));
  const list = join(folder, 'list.txt');
  const out = createWriteStream(list);
  for (let i = 0; i < first; i++) {
    // a stride that is prime to n, so that the list is in no order
    const name = `s3://bucket/lines/${String((i * 7919) % first).padStart(9, '0')}.jpg\n`;
    if (!out.write(name)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
  const started = performance.now();
  const inputs = await openInputs([list]);
  const opened = performance.now();
  let read = 0;
  for await (const ref of inputs.images()) if (ref.index === read) read++;
  const ended = performance.now();
  await inputs.close();
  await rm(folder, { recursive: true });
  console.log(
    JSON.stringify({
      entries: read,
      openSeconds: (opened - started) / 1000,
      streamSeconds: (ended - opened) / 1000,
      peakMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    }),
  );
}
