import { ConfigError, InputError } from '@hazure/contracts';
import { Random } from '@hazure/numerics';
import fc from 'fast-check';
import { benjaminiHochberg, calibrate, ConformalCalibration, requiredHeldOutRows } from './conformal.js';
import { assignFolds, holdOut, splitByFold } from './folds.js';

describe('conformal p-values', () => {
  test('count the held-out scores at least as high', () => {
    const calibration = new ConformalCalibration([3, 1, 2, 2]);
    expect([0, 1, 2, 2.5, 3, 4].map((score) => calibration.pValue(score))).toEqual([
      1, 1, 0.8, 0.4, 0.4, 0.2,
    ]);
  });

  test('are uniform on exchangeable data: P(p ≤ t) ≤ t, and no less than t − 1/(n + 1)', () => {
    const random = new Random(1);
    const n = 39;
    const rounds = 20_000;
    const ranks = new Array<number>(n + 1).fill(0);
    for (let round = 0; round < rounds; round++) {
      const scores = Array.from({ length: n + 1 }, () => random.nextNormal());
      const p = new ConformalCalibration(scores.slice(1)).pValue(scores[0]);
      ranks[Math.round(p * (n + 1)) - 1]++;
    }
    // χ² with 39 degrees of freedom: above 72.1 once in a thousand runs.
    const expected = rounds / (n + 1);
    expect(ranks.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0)).toBeLessThan(72.1);
  });

  test('hold their promise with ties too', () => {
    const random = new Random(2);
    let flagged = 0;
    const rounds = 10_000;
    for (let round = 0; round < rounds; round++) {
      const scores = Array.from({ length: 41 }, () => random.nextInt(6));
      if (new ConformalCalibration(scores.slice(1)).pValue(scores[0]) <= 0.2) flagged++;
    }
    expect(flagged / rounds).toBeLessThanOrEqual(0.21);
  });

  test('the threshold flags exactly what p-values flag', () => {
    const scores = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(
        scores,
        fc.integer({ min: 0, max: 31 }),
        fc.integer({ min: 1, max: 99 }),
        (heldOut, score, percentile) => {
          const calibration = new ConformalCalibration(heldOut);
          const threshold = calibration.threshold(percentile);
          const flagged = calibration.pValue(score) < (100 - percentile) / 100;
          expect(threshold !== null && score > threshold).toBe(flagged);
        },
      ),
    );
  });

  test.each([
    [95, 20],
    [90, 10],
    [99, 100],
    [99.9, 1000],
    [50, 2],
  ])('percentile %d needs %i held-out rows', (percentile, rows) => {
    expect(requiredHeldOutRows(percentile)).toBe(rows);
    const scores = Array.from({ length: rows }, (_, i) => i);
    expect(calibrate(scores, percentile).threshold(percentile)).toBe(rows - 1);
    const refused = (): unknown => calibrate(scores.slice(1), percentile);
    expect(refused).toThrow(InputError);
    expect(refused).toThrow(`needs at least ${rows} held-out baseline rows, got ${rows - 1}`);
  });

  test('refuses percentiles out of range, no scores and NaN', () => {
    for (const percentile of [0, 100, -1, NaN])
      expect(() => requiredHeldOutRows(percentile)).toThrow(ConfigError);
    expect(() => new ConformalCalibration([])).toThrow(InputError);
    expect(() => new ConformalCalibration([1, NaN])).toThrow(InputError);
  });
});

describe('Benjamini–Hochberg', () => {
  test("the procedure's own example (1995, section 3.2): 4 of 15 at rate 0.05", () => {
    const p = [
      0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528,
      0.759, 1,
    ];
    expect([...benjaminiHochberg(p, 0.05)]).toEqual([1, 1, 1, 1, ...new Array<number>(11).fill(0)]);
  });

  test('keeps the share of false discoveries below the rate', () => {
    const random = new Random(3);
    const shares: number[] = [];
    for (let round = 0; round < 400; round++) {
      const calibration = new ConformalCalibration(Array.from({ length: 500 }, () => random.nextNormal()));
      const p = calibration.pValues(
        Array.from({ length: 100 }, (_, i) => random.nextNormal() + (i < 20 ? 4 : 0)),
      );
      const flagged = [...benjaminiHochberg(p, 0.1)];
      const found = flagged.reduce((sum, flag) => sum + flag, 0);
      shares.push(found === 0 ? 0 : flagged.slice(20).reduce((sum, flag) => sum + flag, 0) / found);
    }
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
    expect(mean).toBeLessThan(0.1);
    expect(mean).toBeGreaterThan(0.04); // not by flagging nothing
  });

  test('rejects rates out of range', () => {
    expect(() => benjaminiHochberg([0.5], 0)).toThrow(ConfigError);
    expect([...benjaminiHochberg([], 0.1)]).toEqual([]);
  });
});

describe('folds', () => {
  const groups = Array.from({ length: 200 }, (_, i) => Math.floor(i / 7) * 3);

  test('keep groups together and sizes even', () => {
    const foldOf = assignFolds(groups, 10, 1);
    const foldsOfGroup = new Map<number, Set<number>>();
    groups.forEach((group, i) =>
      foldsOfGroup.set(group, (foldsOfGroup.get(group) ?? new Set()).add(foldOf[i])),
    );
    expect([...foldsOfGroup.values()].every((folds) => folds.size === 1)).toBe(true);
    const sizes = Array.from({ length: 10 }, (_, fold) => splitByFold(foldOf, fold).inside.length);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(14);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(28);
    expect(assignFolds(groups, 10, 1)).toEqual(foldOf);
    expect(assignFolds(groups, 10, 2)).not.toEqual(foldOf);
  });

  test('hold out whole groups, and leave something to fit to', () => {
    const { held, kept } = holdOut(groups, 40, 1);
    expect(held.length).toBeGreaterThanOrEqual(40);
    expect(held.length).toBeLessThan(47);
    const heldGroups = new Set(held.map((row) => groups[row]));
    expect(kept.some((row) => heldGroups.has(groups[row]))).toBe(false);
    expect(holdOut([1, 1, 2], 3, 1).kept.length).toBeGreaterThan(0);
    expect(() => holdOut([1, 1, 1], 1, 1)).toThrow('at least 2 images');
  });
});
