import { meanAveragePrecision, type LabelledBox, type ScoredBox } from './average-precision.js';

const square = (x: number, size = 10): LabelledBox['box'] => ({ x1: x, y1: 0, x2: x + size, y2: size });
const label = (image: number, x: number, classId = 0): LabelledBox => ({ image, classId, box: square(x) });
const found = (image: number, x: number, confidence: number, size = 10): ScoredBox => ({
  image,
  classId: 0,
  box: square(x, size),
  confidence,
});

test('perfect detections score 1, none score 0', () => {
  const labels = [label(0, 0), label(0, 50), label(1, 0)];
  const perfect = labels.map((each, i) => ({ ...each, confidence: 0.9 - i / 10 }));
  expect(meanAveragePrecision(labels, perfect)).toEqual({ ap50: 1, ap5095: 1, classes: 1 });
  expect(meanAveragePrecision(labels, [])).toMatchObject({ ap50: 0, ap5095: 0 });
});

test('the area under the interpolated curve is what it is by hand', () => {
  // Hit, miss, hit of 2 labels: precision 1 up to recall .5 (51 points), then 2/3 (50 points).
  const labels = [label(0, 0), label(0, 50)];
  const { ap50 } = meanAveragePrecision(labels, [found(0, 0, 0.9), found(0, 200, 0.8), found(0, 50, 0.7)]);
  expect(ap50).toBeCloseTo((51 + 50 * (2 / 3)) / 101, 12);
});

test('a label counts once, and a box in another image or of another class not at all', () => {
  const labels = [label(0, 0), label(1, 0, 1)];
  const doubled = [found(0, 0, 0.9), found(0, 1, 0.8), found(1, 0, 0.95)];
  // Class 0: a miss in the wrong image first, then the hit at precision 1/2. Class 1: nothing.
  expect(meanAveragePrecision(labels, doubled)).toMatchObject({ ap50: 0.25, classes: 2 });
});

test('an overlap of .68 counts at the four thresholds up to .65', () => {
  // 10×10 against 10×10 moved by 1.9: IoU 81/119 = .68.
  const { ap50, ap5095 } = meanAveragePrecision([label(0, 0)], [found(0, 1.9, 0.9)]);
  expect(ap50).toBe(1);
  expect(ap5095).toBeCloseTo(0.4, 12);
});
