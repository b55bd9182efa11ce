/**
 * One t-SNE run in a process of its own. Called by compare.mjs.
 *   run-one.mjs hazure|druid X.f32 ROWS COLS ITERATIONS PERPLEXITY THREADS OUT.f32 [options as JSON]
 */
import { readFileSync, writeFileSync } from 'node:fs';

const [who, path, rowsText, colsText, iterationsText, perplexityText, threadsText, out, extra = '{}'] =
  process.argv.slice(2);
const [rows, cols, iterations, perplexity, threads] = [
  rowsText,
  colsText,
  iterationsText,
  perplexityText,
  threadsText,
].map(Number);
const data = new Float32Array(readFileSync(path).buffer.slice(0));

const cpuStarted = process.cpuUsage();
const started = performance.now();
let y;
let rest = {};
if (who === 'hazure') {
  const { tsne } = await import(new URL('../dist/index.js', import.meta.url).href);
  ({ y, ...rest } = await tsne(
    { data, rows, cols },
    { iterations, perplexity, threads, ...JSON.parse(extra) },
  ));
} else {
  const { TSNE } = await import(process.env.DRUID ?? '@saehrimnir/druidjs');
  const points = Array.from({ length: rows }, (_, i) => Array.from(data.subarray(i * cols, (i + 1) * cols)));
  const map = new TSNE(points, { perplexity, seed: 42, d: 2 }).transform(iterations);
  y = Float32Array.from(Array.from(map, (row) => Array.from(row)).flat());
}
const cpu = process.cpuUsage(cpuStarted);
const seconds = (performance.now() - started) / 1000;
writeFileSync(out, Buffer.from(y.buffer, y.byteOffset, y.byteLength));
console.log(JSON.stringify({ ...rest, seconds, cpuSeconds: (cpu.user + cpu.system) / 1e6 }));
