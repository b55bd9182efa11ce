// One process of fuzz-border.mjs, or a thread of it that is going to be terminated. argv[2]: the settings as JSON.
import { createRequire } from 'node:module';
import { writeSync } from 'node:fs';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { Attack } from './fuzz-border/attack.mjs';
import { Hostile } from './fuzz-border/hostile.mjs';
import { Random } from './fuzz-border/random.mjs';
import { Targets } from './fuzz-border/targets.mjs';

const settings = isMainThread ? JSON.parse(process.argv[2]) : workerData;
process.env.ORT_DISABLE_TELEMETRY = '1';
const binding = createRequire(import.meta.url)(settings.addon);
binding.openRuntime(settings.runtime, null);

const random = new Random(settings.seed);
const hostile = new Hostile(random, binding, () => globalThis.gc?.());
const targets = new Targets(random, hostile, binding);
const counts = { calls: 0, resolved: 0, rejected: 0, threw: 0, checked: 0, terminated: 0, codes: {} };
const attack = new Attack({ random, hostile, targets, counts, trace: settings.trace });

/** A thread that attacks until it is ended in the middle of it. */
async function terminated(seed) {
  const worker = new Worker(new URL(import.meta.url), { workerData: { ...settings, seed, calls: Infinity } });
  const failed = new Promise((_, reject) => worker.once('error', reject));
  const ended = new Promise((resolve) => setTimeout(resolve, 5 + random.below(250)));
  await Promise.race([failed, ended]);
  await worker.terminate();
  counts.terminated += 1;
}

await targets.prepare();
let threads = Promise.resolve();
while (counts.calls < settings.calls) {
  await attack.round(1 + random.below(16));
  if (isMainThread && random.chance(0.02)) {
    const seed = random.below(2 ** 31);
    threads = threads.then(() => terminated(seed));
    if (random.chance(0.5)) await threads;
  }
  if (isMainThread && counts.calls % 10 === 0) writeSync(1, `call ${counts.calls}\n`);
}
await threads;
await targets.end();
if (isMainThread) writeSync(1, `${JSON.stringify({ done: counts })}\n`);
