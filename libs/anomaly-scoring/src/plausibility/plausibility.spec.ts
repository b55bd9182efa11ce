import { Random } from '@hazure/numerics';
import {
  binomialUpperTail,
  checkDrift,
  checkEffectiveSample,
  checkFdr,
  checkFlaggedShare,
  checkPercentile,
} from './findings.js';
import { classMixTest, energyTest, kolmogorovSmirnov } from './two-sample.js';

const rowsOf = (
  random: Random,
  rows: number,
  shift = 0,
  copies = 1,
): { data: Float32Array; rows: number; cols: number } => {
  const cols = 12;
  const data = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row += copies) {
    const own = Array.from({ length: cols }, (_, j) => random.nextNormal() + (j === 0 ? shift : 0));
    for (let copy = row; copy < Math.min(rows, row + copies); copy++)
      data.set(
        own.map((value) => value + 0.02 * random.nextNormal()),
        copy * cols,
      );
  }
  return { data, rows, cols };
};

describe('two-sample tests', () => {
  test('energy: p is uniform on one source, near-duplicates or not, and small on another', () => {
    const random = new Random(1);
    const groups = Array.from({ length: 120 }, (_, row) => Math.floor(row / 10));
    let [low, naive] = [0, 0];
    for (let round = 0; round < 60; round++) {
      const [a, b] = [rowsOf(random, 120, 0, 10), rowsOf(random, 120, 0, 10)];
      const options = { seed: round, permutations: 39 };
      if (energyTest(a, b, { ...options, baselineGroups: groups, judgedGroups: groups }).pValue <= 0.1) low++;
      if (energyTest(a, b, options).pValue <= 0.1) naive++;
    }
    expect(low).toBeLessThanOrEqual(13); // binomial(60, 0.1): above 13 less than once in a hundred
    expect(naive).toBeGreaterThan(50); // without groups nearly every such pair would be called a drift
    expect(energyTest(rowsOf(random, 80), rowsOf(random, 80, 2)).pValue).toBe(1 / 200);
    expect(() => energyTest(rowsOf(random, 1), { data: new Float32Array(2), rows: 1, cols: 2 })).toThrow(
      'one width',
    );
  });

  test('Kolmogorov–Smirnov agrees with published values', () => {
    const a = Array.from({ length: 100 }, (_, i) => i);
    const b = a.map((value) => value + 20);
    const { statistic, pValue } = kolmogorovSmirnov(a, b);
    expect(statistic).toBeCloseTo(0.2, 12);
    expect(pValue).toBeGreaterThan(0.025);
    expect(pValue).toBeLessThan(0.04); // scipy.stats.ks_2samp: 0.0366 exact
    expect(kolmogorovSmirnov(a, a).pValue).toBe(1);
    expect(kolmogorovSmirnov(a, b, [10, 10]).pValue).toBeGreaterThan(0.9);
  });

  test('class mix: one row of each group counts', () => {
    const same = Array.from({ length: 90 }, (_, i) => ['car', 'person', 'dog'][i % 3]);
    expect(classMixTest(same, same.slice(0, 30)).pValue).toBeGreaterThan(0.5);
    expect(classMixTest(same, new Array<string>(30).fill('cat')).pValue).toBe(1 / 200);
    // One image of thirty cats is one observation.
    const one = classMixTest(same, new Array<string>(30).fill('dog'), {
      judgedGroups: new Array<number>(30).fill(0),
    });
    expect(one.pValue).toBeGreaterThan(0.1);
    expect(one.effective).toEqual([90, 1]);
  });
});

describe('findings', () => {
  test.each([
    [0.95, 'refusal', 95],
    [0.05, 'refusal', 95],
    [5, 'warning', 95],
    [49, 'warning', 51],
  ])('percentile %d: %s, suggests %d', (percentile, severity, suggested) => {
    const finding = checkPercentile(percentile);
    expect(finding).toMatchObject({ code: 'PERCENTILE_IMPLAUSIBLE', severity });
    expect(finding?.numbers.suggested).toBe(suggested);
  });

  test('usual percentiles pass, impossible ones are errors', () => {
    expect([50, 95, 99.9].map(checkPercentile)).toEqual([null, null, null]);
    expect(() => checkPercentile(100)).toThrow('between 0 and 100');
  });

  test('binomial tail', () => {
    expect(binomialUpperTail(0, 10, 0.3)).toBe(1);
    expect(binomialUpperTail(3, 10, 0.5)).toBeCloseTo(968 / 1024, 12);
    expect(binomialUpperTail(10, 10, 0.5)).toBeCloseTo(1 / 1024, 12);
    // P(X ≥ k) of p and P(X ≥ n − k + 1) of 1 − p are each other's complement.
    expect(binomialUpperTail(60, 1000, 0.05) + binomialUpperTail(941, 1000, 0.95)).toBeCloseTo(1, 9);
    expect(binomialUpperTail(11, 10, 0.5)).toBe(0);
  });

  test('a flagged share far above the promise is said; scatter and near-duplicates are not', () => {
    expect(checkFlaggedShare({ flagged: 100, judged: 100, percentile: 95 })?.code).toBe('FLAGGED_SHARE_HIGH');
    expect(checkFlaggedShare({ flagged: 8, judged: 100, percentile: 95 })).toBeNull();
    expect(checkFlaggedShare({ flagged: 20, judged: 100, percentile: 95 })).not.toBeNull();
    expect(checkFlaggedShare({ flagged: 20, judged: 100, percentile: 95, effectiveJudged: 10 })).toBeNull();
    expect(checkFlaggedShare({ flagged: 20, judged: 100, percentile: 95, effectiveHeldOut: 20 })).toBeNull();
    expect(checkFlaggedShare({ flagged: 0, judged: 0, percentile: 95 })).toBeNull();
  });

  test('a rate that the baseline cannot resolve', () => {
    // m = 1000, q = 0.1: one alone needs 9999; 99 rows give p ≥ 0.01, so that 100 or none are flagged.
    expect(checkFdr(9999, 1000, 0.1)).toBeNull();
    expect(checkFdr(99, 1000, 0.1)).toMatchObject({
      code: 'FDR_UNRESOLVABLE',
      severity: 'warning',
      numbers: { fewest: 100, needed: 9999 },
    });
    expect(checkFdr(5, 1000, 0.1)?.severity).toBe('refusal');
    expect(() => checkFdr(5, 10, 1)).toThrow('between 0 and 1');
  });

  test('few groups, and one that dominates', () => {
    const base = { percentile: 95, rows: 300, groups: 150, effectiveRows: 160, largestGroup: 3 };
    expect(checkEffectiveSample(base)).toEqual([]);
    const few = checkEffectiveSample({ ...base, groups: 4, effectiveRows: 12, largestGroup: 200 });
    expect(few.map(({ code }) => code)).toEqual(['EFFECTIVE_SAMPLE_SMALL', 'ONE_GROUP_DOMINATES']);
    expect(few[0].numbers).toMatchObject({ required: 20, worstFalseAlarmShare: 0.2 });
    const nearly = checkEffectiveSample({ ...base, percentile: 99, groups: 80, effectiveRows: 90 });
    expect(nearly.map(({ code }) => code)).toEqual(['CALIBRATION_EXTRAPOLATED']);
  });

  test('a drift is told by its test', () => {
    const test = { statistic: 3, pValue: 0.0005, effective: [40, 30] as const };
    expect(checkDrift('embeddings', test)).toMatchObject({
      code: 'DRIFT_EMBEDDINGS',
      numbers: { judged: 30 },
    });
    expect(checkDrift('scores', { ...test, pValue: 0.01 })).toBeNull();
  });
});
