/**
 * Renders both HTML reports from made-up data, to look at them in a browser.
 *   node libs/report/bench/pages.mjs [OUT_FOLDER] [--hostile]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderBaselineReport, renderDetectionReport } from '@hazure/report';
import { CLASSES, clusters, picture, seeded } from './fake-data.mjs';

const hostile = process.argv.includes('--hostile');
const out = process.argv.slice(2).find((argument) => !argument.startsWith('--')) ?? 'results/pages';
mkdirSync(out, { recursive: true });
const random = seeded(9);
const NASTY =
  `"'></script><script>alert(1)</script><img src=x onerror=alert(1)>\n` + '<b>x</b>&amp;'.repeat(800);
const text = (plain) => (hostile ? NASTY : plain);

const common = {
  version: '0.1.0',
  finishedAt: '2026-11-23 09:15:02 UTC',
  models: [
    {
      role: 'detector',
      name: text('nanodet-m'),
      sha256: '3f9a'.repeat(16),
      licence: 'MIT',
      device: 'cpu (no CUDA device)',
    },
    {
      role: 'embedder',
      name: 'nanodet-m backbone, pooled',
      sha256: '3f9a'.repeat(16),
      licence: 'MIT',
      device: 'cpu (no CUDA device)',
    },
    { role: 'captioner', name: 'template', sha256: null, licence: null, device: 'none' },
  ],
  settings: [
    'conf-thres 0.3',
    'iou-thres 0.5',
    'threshold-percentile 95',
    'scorers ensemble',
    'fusion any',
    'seed 42',
    'lim1 0.8',
    'lim2 1',
    'batch-size auto (16)',
  ].map((line) => ({ name: line.split(' ')[0], value: line.slice(line.indexOf(' ') + 1) })),
  timings: [
    { stage: 'decode', items: 1200, unit: 'images', seconds: 14.2, peakMemoryBytes: 412e6 },
    { stage: 'detect', items: 1200, unit: 'images', seconds: 41.8, peakMemoryBytes: 598e6 },
    { stage: 'embed', items: 5120, unit: 'crops', seconds: 22.3, peakMemoryBytes: 611e6 },
    { stage: 'caption', items: 5120, unit: 'crops', seconds: 0.4, peakMemoryBytes: 611e6 },
    { stage: 't-SNE', items: 5120, unit: 'crops', seconds: 9.1, peakMemoryBytes: 640e6 },
  ],
  failures: [
    {
      stage: 'decode',
      imageId: text('gate-3/0412.jpg'),
      code: 'INPUT_UNREADABLE',
      message: text('VipsJpeg: premature end of JPEG image'),
    },
    {
      stage: 'decode',
      imageId: 'gate-3/notes.jpg',
      code: 'INPUT_UNREADABLE',
      message: 'Input file contains unsupported image format',
    },
  ],
  notes: ['The baseline holds 96 calibration rows; 190 or more would make the 95th percentile steadier.'],
};

const { points, labels } = clusters(5120, 21);
const cropIds = labels.map((_, i) => `gate-${i % 4}/${String(i).padStart(5, '0')}#${i % 7}`);
const baseline = labels.map((_, i) => i < 3600);
const outlierFlags = labels.map((_, i) => i >= 3600 && i % 37 === 0);
const outlierIndices = labels.map((_, i) => i).filter((i) => outlierFlags[i]);

const outliers = outlierIndices.map((i, k) => {
  const ranked = [...CLASSES].sort(() => random.next() - 0.5).slice(0, 8);
  const raw = ranked.map(() => random.next() ** 3);
  const sum = raw.reduce((a, b) => a + b);
  const odd = random.pick(['umbrella', 'teddy bear', 'cell phone', 'couch']);
  const semantic = k % 3 !== 1;
  return {
    cropId: cropIds[i],
    imageId: text(`${cropIds[i].split('#')[0]}.jpg`),
    className: text(k % 2 ? odd : labels[i]),
    confidence: 0.3 + 0.7 * random.next(),
    score: 0.5 + 0.3 * random.next(),
    pValue: 0.001 + 0.04 * random.next() ** 2,
    featureOutlier: k % 4 !== 3,
    reason: text(
      semantic
        ? `Looks unlike the baseline (p = 0.004), and “${odd}” is none of its known classes.`
        : 'Looks unlike anything in the baseline (p = 0.004), though its class is common.',
    ),
    semantic:
      k % 9 === 8
        ? null
        : {
            outlier: semantic,
            reason: semantic ? (k % 2 ? 'no-common-match' : 'potential-class') : 'common-match',
            caption: text(`a ${odd} lying in the middle of a road, seen from above`),
            captionSource: 'template',
            matches: ranked.map((label, m) => ({
              label: text(label),
              role: m % 4 === 0 ? 'potential' : 'common',
              similarity: 0.6 + 0.4 * raw[m],
              probability: raw[m] / sum,
              matched: raw[m] > 0.4,
            })),
          },
    thumbnail: picture(
      160 + Math.floor(80 * random.next()),
      120 + Math.floor(80 * random.next()),
      (k * 53) % 360,
      odd,
    ),
    scene:
      k % 5 === 4
        ? null
        : {
            jpeg: picture(240, 160, (k * 53 + 90) % 360, 'scene'),
            box: { x: 0.2 + 0.4 * random.next(), y: 0.3, width: 0.2, height: 0.3 },
          },
    neighbours: Array.from({ length: 5 }, (_, m) => ({
      cropId: cropIds[m * 31],
      className: labels[m * 31],
      distance: 0.12 + 0.05 * m,
      thumbnail: picture(64, 64, m * 60, labels[m * 31]),
    })),
  };
});
const score = (shift) => 0.42 + 0.03 * random.normal() + shift;
const newCount = labels.length - 3600;
const byClass = (from, to) => {
  const counts = new Map();
  for (let i = from; i < to; i++) counts.set(labels[i], (counts.get(labels[i]) ?? 0) + 1);
  return counts;
};
const seen = byClass(0, 3600);
const map = {
  points,
  labels: hostile ? labels.map((l, i) => (i % 9 ? l : NASTY)) : labels,
  cropIds,
  baseline,
  outliers: outlierFlags,
  thumbnails: new Map(
    labels
      .map((l, i) => [i, l])
      .filter(([i]) => i % 16 === 0)
      .map(([i, l]) => [i, picture(72, 72, (i * 7) % 360, l)]),
  ),
  method: 't-SNE, perplexity 30',
};
const page = renderDetectionReport({
  ...common,
  runName: 'detection_20261123T091502Z',
  imagesFolder: text('photos/today'),
  baselineName: 'baseline_20261123T091330Z',
  headline: { images: 1200, objects: newCount, outliers: outliers.length + 40, failures: 2, seconds: 61.4 },
  outliers,
  map,
  scores: {
    scorer: 'ensemble',
    heldOutBaseline: Array.from({ length: 900 }, () => score(0)),
    newCrops: Array.from({ length: newCount }, () => score(random.next() < 0.06 ? 0.25 : 0)),
    threshold: 0.47,
    percentile: 95,
  },
  classes: [...byClass(3600, labels.length)].map(([className, objects], i) => ({
    className,
    objects,
    outliers: Math.floor(objects * 0.1 * random.next()),
    meanScore: 0.42 + 0.02 * random.next(),
    baselineObjects: i % 6 === 5 ? 0 : (seen.get(className) ?? 0),
  })),
});
writeFileSync(join(out, 'detection.html'), page);
console.log(`detection.html ${(page.length / 1024).toFixed(0)} KiB`);

const learned = renderBaselineReport({
  ...common,
  runName: 'baseline_20261123T091330Z',
  imagesFolder: text('photos/normal'),
  headline: { images: 900, objects: 3600, classes: seen.size, failures: 2, seconds: 48.2 },
  classes: [...seen].map(([className, objects], i) => ({
    className: text(className),
    objects,
    meanConfidence: 0.4 + 0.4 * random.next(),
    samples: Array.from({ length: 6 }, (_, m) => picture(64, 64, (i * 40 + m * 9) % 360, className)),
  })),
  map: { ...map, baseline: labels.map(() => true), outliers: labels.map(() => false) },
  calibration: {
    scorer: 'ensemble',
    heldOutScores: Array.from({ length: 900 }, () => score(0)),
    threshold: 0.47,
    percentile: 95,
    fittedRows: 2700,
    calibrationRows: 900,
  },
  concepts: [
    ...CLASSES.slice(0, 8).map((label) => ({ label, origin: 'class', parent: null, role: 'common' })),
    ...['motor vehicle', 'coupe', 'cab', 'minivan', 'convertible'].map((label) => ({
      label,
      origin: 'expansion',
      parent: 'car',
      role: 'common',
    })),
    ...['lorry', 'pickup', 'dump truck', 'fire engine'].map((label) => ({
      label,
      origin: 'expansion',
      parent: 'truck',
      role: 'common',
    })),
    ...['weapon', 'fire'].map((label) => ({ label, origin: 'potential', parent: null, role: 'potential' })),
  ],
});
writeFileSync(join(out, 'baseline.html'), learned);
console.log(`baseline.html ${(learned.length / 1024).toFixed(0)} KiB`);
