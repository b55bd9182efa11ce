import type { FoundOutlier, PlantedObject } from './truth.js';
import { formatDemoSummary, intersectionOverUnion, scoreDemo } from './truth.js';

const box = (x1: number, y1: number, x2: number, y2: number) => ({ x1, y1, x2, y2 });
const planted = (imageId: string, kind: string): PlantedObject => ({
  imageId,
  kind,
  box: box(0, 0, 100, 100),
});
const outlier = (imageId: string, x1 = 0, className = 'truck'): FoundOutlier => ({
  imageId,
  className,
  box: box(x1, 0, x1 + 100, 100),
});

test('intersection over union', () => {
  expect(intersectionOverUnion(box(0, 0, 10, 10), box(0, 0, 10, 10))).toBe(1);
  expect(intersectionOverUnion(box(0, 0, 10, 10), box(5, 0, 15, 10))).toBeCloseTo(1 / 3, 12);
  expect(intersectionOverUnion(box(0, 0, 10, 10), box(10, 0, 20, 10))).toBe(0);
});

test('an outlier counts for the planted object that it lies on, in the same image only', () => {
  const truth = [planted('a.jpg', 'teddy bear'), planted('b.jpg', 'umbrella')];
  const score = scoreDemo(truth, [
    outlier('a.jpg', 10, 'teddy bear'),
    outlier('b.jpg', 90),
    outlier('c.jpg'),
  ]);
  expect(score.found.map(({ planted: { kind }, outlier: { className } }) => [kind, className])).toEqual([
    ['teddy bear', 'teddy bear'],
  ]);
  expect(score.found[0].iou).toBeCloseTo(90 / 110, 12);
  expect(score.missed).toEqual([truth[1]]);
  expect(score.falseAlarms.map(({ imageId }) => imageId)).toEqual(['b.jpg', 'c.jpg']);
});

test('a second box on a found object is no false alarm, and the best one counts', () => {
  const score = scoreDemo(
    [planted('a.jpg', 'cat')],
    [outlier('a.jpg', 40, 'dog'), outlier('a.jpg', 5, 'cat')],
  );
  expect(score.found[0].outlier.className).toBe('cat');
  expect(score.falseAlarms).toEqual([]);
});

test('a part of a planted object neither finds it nor is a false alarm', () => {
  const part: FoundOutlier = { imageId: 'a.jpg', className: 'keyboard', box: box(10, 80, 60, 95) };
  const score = scoreDemo([planted('a.jpg', 'laptop')], [part]);
  expect(score.missed).toHaveLength(1);
  expect(score.falseAlarms).toEqual([]);
});

test('the summary names what was found, missed, and how often it was wrong', () => {
  const truth = [
    planted('a.jpg', 'cat'),
    planted('b.jpg', 'cat'),
    planted('c.jpg', 'phone'),
    planted('d.jpg', 'orange'),
  ];
  const score = scoreDemo(truth, [
    outlier('a.jpg', 0, 'person'),
    outlier('c.jpg', 0, 'phone'),
    outlier('e.jpg'),
  ]);
  expect(formatDemoSummary(score, { normalObjects: 40, expectedRate: 0.05 })).toEqual([
    'Found 2 of 4 planted objects:',
    '  ~ cat     1 of 2  (the detector saw: person)',
    '  ✗ orange  0 of 1',
    '  ✓ phone   1 of 1',
    '  missed: cat in b.jpg',
    '  missed: orange in d.jpg',
    'False alarms: 1 of 40 normal objects (2.5%; about 5% is expected by the chosen percentile)',
  ]);
});

test('nothing planted, nothing found', () => {
  expect(formatDemoSummary(scoreDemo([], []))).toEqual(['Found 0 of 0 planted objects:', 'False alarms: 0']);
});
