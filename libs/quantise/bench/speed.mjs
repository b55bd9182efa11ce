/**
 * Speed of models beside each other: best of N runs on one thread, interleaved so that noise hits all alike.
 *
 *   node libs/quantise/bench/speed.mjs fp32.onnx int8.onnx [...] [--rounds 30] [--batch 1]
 *
 * Prints milliseconds of processor time, which another program on the same core does not add to, and each model's speed
 * over the first one's. Build first (`npx nx build quantise`).
 */
import { parseArgs } from 'node:util';
import { summarizeOnnx } from '@hazure/models';
import { loadEngine } from '@hazure/native-engine';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '30' }, batch: { type: 'string', default: '1' } },
});
const engine = loadEngine();
const sessions = [];
for (const path of positionals) {
  const { inputs } = await summarizeOnnx(path);
  const [batch, ...rest] = inputs[0].dims;
  const dims = [typeof batch === 'number' ? batch : Number(values.batch), ...rest];
  const data = Float32Array.from(
    { length: dims.reduce((a, b) => a * b) },
    (_, i) => ((i * 7919) % 255) / 255,
  );
  const session = await engine.loadSession(path, { device: 'cpu', threads: 1, streams: 1 });
  sessions.push({
    path,
    session,
    feeds: { [inputs[0].name]: { type: 'float32', dims, data } },
    best: Infinity,
  });
}
for (let round = 0; round < Number(values.rounds); round++) {
  for (const each of sessions) {
    const start = process.cpuUsage();
    await each.session.run(each.feeds);
    const { user, system } = process.cpuUsage(start);
    each.best = Math.min(each.best, (user + system) / 1000);
  }
}
for (const { path, best, session } of sessions) {
  console.log(`${path}: ${best.toFixed(2)} ms, ${(sessions[0].best / best).toFixed(2)}×`);
  await session.close();
}
