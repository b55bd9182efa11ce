import { Random } from '@hazure/numerics';
import fc from 'fast-check';
import { ConformalCalibration } from './conformal.js';
import { calibrateGrouped } from './dependence.js';
import { effectiveSample } from './effective-sample.js';

/** Scores of groups that share a part: √ρ common + √(1 − ρ) own. Returns scores and group labels. */
function grouped(
  random: Random,
  sizes: readonly number[],
  rho: number,
): { scores: number[]; groups: number[] } {
  const scores: number[] = [];
  const groups: number[] = [];
  sizes.forEach((size, group) => {
    const common = random.nextNormal();
    for (let i = 0; i < size; i++) {
      scores.push(Math.sqrt(rho) * common + Math.sqrt(1 - rho) * random.nextNormal());
      groups.push(group);
    }
  });
  return { scores, groups };
}

/** Share of p ≤ α over many baselines, for a row of a group that the baseline has not. */
function rateOf(
  rounds: number,
  alpha: number,
  draw: (random: Random) => { scores: number[]; groups: number[] },
  judge: (scores: number[], groups: number[]) => ConformalCalibration,
): number {
  const random = new Random(7);
  let flagged = 0;
  for (let round = 0; round < rounds; round++) {
    const { scores, groups } = draw(random);
    const last = groups[groups.length - 1];
    const fresh = scores.filter((_, i) => groups[i] === last);
    const kept = scores.length - fresh.length;
    const calibration = judge(scores.slice(0, kept), groups.slice(0, kept));
    flagged += fresh.filter((score) => calibration.pValue(score) <= alpha).length / fresh.length;
  }
  return flagged / rounds;
}

describe('conformal p-values of groups', () => {
  const exact = (scores: number[], groups: number[]): ConformalCalibration => {
    const sizes = new Map<number, number>();
    for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1);
    return new ConformalCalibration(scores, { weights: groups.map((group) => 1 / (sizes.get(group) ?? 1)) });
  };

  test('with weights 1/size stay super-uniform, however large the groups and however they depend', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 60 }),
        fc.constantFrom(1, 2, 10, 40),
        fc.constantFrom(0, 0.5, 1),
        fc.constantFrom(0.05, 0.1, 0.3),
        fc.integer(),
        (count, largest, rho, alpha, seed) => {
          const sizes = new Random(seed);
          const rate = rateOf(
            250,
            alpha,
            (random) =>
              grouped(
                random,
                Array.from({ length: count + 1 }, () => 1 + sizes.nextInt(largest)),
                rho,
              ),
            exact,
          );
          // Three standard errors of 250 independent rounds.
          expect(rate).toBeLessThanOrEqual(alpha + 3 * Math.sqrt((alpha * (1 - alpha)) / 250) + 1e-9);
        },
      ),
      { numRuns: 10, seed: 1 },
    );
  });

  test.each([
    ['copies', 1, 25],
    ['strongly alike', 0.8, 25],
    ['hardly alike', 0.2, 25],
    ['unrelated', 0, 10],
  ])('weighted by the correlation found keep 5%% within a point: %s', (_what, rho, size) => {
    const rate = rateOf(
      1000,
      0.05,
      (random) => grouped(random, new Array<number>(121).fill(size), rho),
      (scores, groups) => calibrateGrouped(scores, groups).forPercentile(95),
    );
    expect(rate).toBeGreaterThan(0.033);
    expect(rate).toBeLessThan(0.067);
  });

  test('counting copies as rows would not', () => {
    const rate = rateOf(
      600,
      0.01,
      (random) => grouped(random, new Array<number>(31).fill(20), 1),
      (scores) => new ConformalCalibration(scores),
    );
    expect(rate).toBeGreaterThan(0.02); // 1/31 or more
  });

  test('beyond what few groups can tell, the tail keeps 1% on the safe side, and flags', () => {
    const rate = rateOf(
      2000,
      0.01,
      (random) => grouped(random, new Array<number>(41).fill(10), 0.9),
      (scores, groups) => calibrateGrouped(scores, groups).forPercentile(99),
    );
    expect(rate).toBeLessThan(0.013);
    expect(rate).toBeGreaterThan(0.001);
  });

  test('the threshold flags exactly what p-values flag, with weights and tail', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 4, maxLength: 60 }),
        fc.double({ min: -60, max: 200, noNaN: true }),
        fc.integer({ min: 50, max: 99 }),
        fc.boolean(),
        (heldOut, score, percentile, tail) => {
          const weights = heldOut.map((_, i) => 1 / (1 + (i % 3)));
          const calibration = new ConformalCalibration(heldOut, { weights, tail });
          const threshold = calibration.threshold(percentile);
          const flagged = calibration.pValue(score) < (100 - percentile) / 100;
          const above = threshold !== null && score > threshold;
          // Where the tail is solved for the threshold, the last digits may differ.
          const close = threshold !== null && Math.abs(score - threshold) < 1e-9 * (1 + Math.abs(threshold));
          expect(above === flagged || close).toBe(true);
        },
      ),
    );
  });

  test('p never rises with the score', () => {
    const { scores, groups } = grouped(new Random(3), new Array<number>(30).fill(7), 0.6);
    const calibration = calibrateGrouped(scores, groups).forPercentile(99);
    expect(calibration.tail).not.toBeNull();
    let last = 1;
    for (let score = -4; score < 12; score += 0.01) {
      const p = calibration.pValue(score);
      expect(p).toBeLessThanOrEqual(last);
      expect(p).toBeGreaterThan(0);
      last = p;
    }
  });

  test('extreme scores that are all alike count by rows, as before', () => {
    const groups = Array.from({ length: 40 }, (_, i) => i >> 1);
    const calibration = calibrateGrouped(new Array<number>(40).fill(2), groups).forPercentile(95);
    expect(calibration.pValue(3)).toBeCloseTo(1 / 41);
    expect(calibration.pValue(2)).toBe(1);
  });
});

describe('effective sample size', () => {
  test('lies between groups and rows', () => {
    const random = new Random(5);
    const of = (rho: number): number => {
      const { scores, groups } = grouped(random, new Array<number>(200).fill(10), rho);
      return effectiveSample(scores, groups).effectiveRows;
    };
    expect(of(1)).toBeCloseTo(200, 0);
    expect(of(0)).toBeGreaterThan(1500);
    // m / (1 + (m − 1) ρ), with the correlation of ranks, a little below that of the scores.
    expect(of(0.5)).toBeGreaterThan(2000 / 5.6);
    expect(of(0.5)).toBeLessThan(2000 / 4.8);
  });

  test('of rows that are each their own group is their number', () => {
    const { effectiveRows, weights, groups } = effectiveSample([1, 2, 3], [0, 1, 2]);
    expect([effectiveRows, groups, ...weights]).toEqual([3, 3, 1, 1, 1]);
    expect(() => effectiveSample([1, 2], [0])).toThrow('one per score (2), got 1');
  });
});
