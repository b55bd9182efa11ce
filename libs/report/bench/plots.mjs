/**
 * Draws every kind of plot from made-up data, to look at them and to time them.
 *   node libs/report/bench/plots.mjs [OUT_FOLDER]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plotMap, plotProbabilities, plotScoreHistogram, plotSweep } from '@hazure/report';
import { CLASSES, clusters, seeded } from './fake-data.mjs';

const out = process.argv[2] ?? 'results/plots';
mkdirSync(out, { recursive: true });

async function draw(name, make) {
  const started = performance.now();
  const png = await make();
  const ms = performance.now() - started;
  writeFileSync(join(out, name), png);
  console.log(
    `${name.padEnd(28)} ${ms.toFixed(0).padStart(6)} ms ${(png.length / 1024).toFixed(0).padStart(6)} KiB`,
  );
}

for (const n of [0, 1, 100, 2000, 10_000, 100_000, 1_000_000]) {
  const { points, labels } = clusters(n, 7);
  const random = seeded(3);
  const outliers = labels.map(() => random.next() < Math.min(0.08, 400 / n));
  await draw(`map-${n}.png`, () => plotMap({ points, labels, outliers, title: `t-SNE of ${n} crops` }));
}
for (const n of [600, 60_000]) {
  const { points, labels } = clusters(n, 11);
  const baseline = labels.map((_, i) => i < n * 0.8);
  const outliers = labels.map((_, i) => !baseline[i] && i % 25 === 0);
  await draw(`combined-${n}.png`, () =>
    plotMap({ points, labels, outliers, baseline, title: 'Baseline and new crops' }),
  );
}
const random = seeded(5);
const raw = CLASSES.slice(0, 12).map((label) => ({ label, similarity: 0.5 + random.next() * 0.5 }));
const total = raw.reduce((sum, match) => sum + Math.exp(12 * match.similarity), 0);
const matches = raw.map((match, i) => ({
  ...match,
  probability: Math.exp(12 * match.similarity) / total,
  role: i % 5 === 0 ? 'potential' : 'common',
  matched: match.similarity > 0.8,
}));
for (let i = 0; i < 3; i++) {
  await draw('probabilities.png', () =>
    plotProbabilities({
      matches,
      title: 'street-0042#3 (umbrella)',
      caption: 'a red umbrella lying on a road',
    }),
  );
}
const scores = (n, shift) =>
  Float64Array.from({ length: n }, () => 0.42 + 0.04 * random.normal() + (random.next() < 0.06 ? shift : 0));
await draw('histogram.png', () =>
  plotScoreHistogram({
    series: [
      { name: 'held-out baseline', scores: scores(900, 0) },
      { name: 'new crops', scores: scores(2000, 0.2) },
    ],
    threshold: 0.49,
    title: 'Anomaly scores',
  }),
);
await draw('histogram-one.png', () =>
  plotScoreHistogram({
    series: [{ name: 'held-out baseline', scores: scores(300, 0) }],
    threshold: 0.49,
    title: 'Calibration',
  }),
);
const sizes = [1, 2, 4, 8, 16, 32, 64];
const series = ['fp32', 'fp16', 'tensorrt fp16'].map((name, k) => ({
  name,
  points: sizes.map((x) => ({ x, y: x === 64 && k === 0 ? null : (300 * (k + 1) * x) / (x + 4) })),
}));
await draw('sweep-line.png', () =>
  plotSweep({
    title: 'yolov8n on cuda:0',
    subtitle: '640 × 640',
    xLabel: 'batch size',
    yLabel: 'images per second',
    series,
    recommended: 16,
  }),
);
await draw('sweep-bar.png', () =>
  plotSweep({
    title: 'p95 latency',
    xLabel: 'batch size',
    yLabel: 'ms',
    series: series.slice(0, 2),
    kind: 'bar',
  }),
);
