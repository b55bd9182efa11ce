import { COLUMNS, LineProgress, durationText, progressLine } from './progress.js';

test('a line says stage, count, rate, time left and memory', () => {
  expect(progressLine({ stage: 'objects', done: 128, total: 1000, unit: 'images' }, 12.34, '512 MiB')).toBe(
    'objects: 128/1000 images, 12.3/s, 71s left, 512 MiB',
  );
  expect(progressLine({ stage: 'objects', done: 5, total: null, unit: 'images' }, 250.6, '1.5 GiB')).toBe(
    'objects: 5 images, 251/s, 1.5 GiB',
  );
});

test.each([
  ['objects', 1, 10, 'images'],
  ['objects', 999_999, 1_000_000, 'images'],
  ['neighbours', 123_456_789, 1_234_567_890, 'embeddings'],
  ['a stage of an unusually long name', 1_234_567, 12_345_678, 'captions'],
] as const)('%s %d of %d %s fits the columns', (stage, done, total, unit) => {
  for (const rate of [0, 0.04, 12.3, 98_765]) {
    expect(progressLine({ stage, done, total, unit }, rate, '102.4 GiB').length).toBeLessThanOrEqual(COLUMNS);
  }
});

test('times are short', () => {
  expect([0, 59.2, 99, 100, 3600, 11_400, Infinity].map(durationText)).toEqual([
    '0s',
    '60s',
    '99s',
    '2m',
    '60m',
    '3h10m',
    '?',
  ]);
});

test('a line every few seconds, and one at the end of a stage', () => {
  let nowMs = 0;
  const lines: string[] = [];
  const quiet = { debug: () => undefined, warn: () => undefined, error: () => undefined };
  const clock = { now: () => new Date(0), monotonicMs: () => nowMs };
  const progress = new LineProgress(clock, { ...quiet, info: (line) => void lines.push(line) });
  for (const [atMs, done] of [
    [0, 0],
    [1000, 10],
    [6000, 60],
    [7000, 70],
    [12_000, 120],
  ]) {
    nowMs = atMs;
    progress.update({ stage: 'objects', done, total: 120, unit: 'images' });
  }
  progress.finish('objects');
  expect(lines).toEqual([
    expect.stringMatching(/^objects: 60\/120 images, 10\.0\/s, 6s left, \d/),
    expect.stringMatching(/^objects: 120\/120 images, 10\.0\/s, 0s left, \d/),
    'objects: 120 images done in 12.0 s',
  ]);
});
