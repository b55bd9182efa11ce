import { ConfigError } from '@hazure/contracts';
import { alphaOf, requiredHeldOutRows } from '../conformal.js';
import type { TestResult } from './two-sample.js';

/** Permanent codes: a code never changes its meaning once released. */
export const FINDING_CODES = [
  'PERCENTILE_IMPLAUSIBLE',
  'EFFECTIVE_SAMPLE_SMALL',
  'CALIBRATION_EXTRAPOLATED',
  'ONE_GROUP_DOMINATES',
  'FLAGGED_SHARE_HIGH',
  'FDR_UNRESOLVABLE',
  'DRIFT_EMBEDDINGS',
  'DRIFT_CLASSES',
  'DRIFT_SCORES',
] as const;
export type FindingCode = (typeof FINDING_CODES)[number];

/** Something about a run that its reader must know before believing its verdicts. */
export interface Finding {
  readonly code: FindingCode;
  /** `refusal`: the run can't mean what was asked for; `warning`: it goes on, and this is said with it. */
  readonly severity: 'refusal' | 'warning';
  readonly message: string;
  /** What to do. */
  readonly hint: string;
  /** The numbers in the message, for programs. */
  readonly numbers: Readonly<Record<string, number>>;
}

/** Tests warn below this p-value: three tests a run, one false warning in about 300 runs. */
export const DRIFT_ALPHA = 0.001;
/** Permutations that resolve DRIFT_ALPHA. */
export const DRIFT_PERMUTATIONS = 1999;

const percent = (share: number): string => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;
const round = (value: number): number => Number(value.toPrecision(4));

/** A percentile that flags nearly everything: 0.95 where 95 was meant, or 5 for 95. */
export function checkPercentile(percentile: number): Finding | null {
  alphaOf(percentile); // not between 0 and 100: an error
  if (percentile >= 50) return null;
  const meant = percentile < 1 ? percentile * 100 : 100 - percentile;
  const wanted = round(meant >= 50 ? meant : 100 - meant);
  return {
    code: 'PERCENTILE_IMPLAUSIBLE',
    severity: percentile < 1 ? 'refusal' : 'warning',
    message: `threshold percentile ${percentile} calls ${percent(alphaOf(percentile))} of normal objects outliers`,
    hint: `Percentiles run from 0 to 100; use ${wanted} for ${percent((100 - wanted) / 100)} of false alarms.`,
    numbers: { percentile, expectedFalseAlarmShare: alphaOf(percentile), suggested: wanted },
  };
}

export interface EffectiveCheck {
  readonly percentile: number;
  /** Held-out rows (or images), and what they are worth. */
  readonly rows: number;
  readonly groups: number;
  readonly effectiveRows: number;
  readonly largestGroup: number;
  readonly what?: 'objects' | 'images';
}

/** A share of all rows in one group beyond which the baseline is one scene with a little beside it. */
const DOMINANT_SHARE = 0.5;

/** Baselines whose rows depend on each other so much that the percentile asked for is beyond them. */
export function checkEffectiveSample(check: EffectiveCheck): Finding[] {
  const { percentile, rows, groups, effectiveRows, largestGroup, what = 'objects' } = check;
  const required = requiredHeldOutRows(percentile);
  const numbers = { percentile, rows, groups, effectiveRows: round(effectiveRows), required, largestGroup };
  const findings: Finding[] = [];
  const alpha = alphaOf(percentile);
  const worst = Math.max(alpha, 1 / (groups + 1));
  if (effectiveRows < required) {
    findings.push({
      code: groups < required / 2 ? 'EFFECTIVE_SAMPLE_SMALL' : 'CALIBRATION_EXTRAPOLATED',
      severity: 'warning',
      message:
        `threshold percentile ${percentile} needs ${required} independent ${what}; the ${rows} of the baseline depend on ` +
        `each other in ${groups} groups and are worth ${effectiveRows.toFixed(1)}: false alarms may reach ` +
        `${percent(worst)} instead of ${percent(alpha)}`,
      hint: `Add images of other scenes or times until there are ${required} groups, or lower the percentile.`,
      numbers: { ...numbers, worstFalseAlarmShare: round(worst) },
    });
  }
  if (groups > 1 && largestGroup > DOMINANT_SHARE * rows) {
    findings.push({
      code: 'ONE_GROUP_DOMINATES',
      severity: 'warning',
      message: `${percent(largestGroup / rows)} of the baseline's ${what} are near-duplicates of each other`,
      hint: 'Add other normal images, so that one scene is not all that is known as normal.',
      numbers,
    });
  }
  return findings;
}

/** P(X ≥ k), X binomial of n trials with probability p. Sums of at most n terms, in logarithms. */
export function binomialUpperTail(k: number, n: number, p: number): number {
  if (k <= 0) return 1;
  if (k > n) return 0;
  const odds = Math.log(p) - Math.log1p(-p);
  let term = n * Math.log1p(-p);
  let [below, above] = [0, 0];
  for (let i = 0; i <= n; i++) {
    if (i > 0) term += Math.log((n - i + 1) / i) + odds;
    if (i >= k) above += Math.exp(term);
    else below += Math.exp(term);
  }
  return k > n * p ? Math.min(1, above) : Math.min(1, Math.max(0, 1 - below));
}

export interface FlaggedCheck {
  readonly flagged: number;
  readonly judged: number;
  readonly percentile: number;
  /** Independent observations that the judged ones are worth (default: all). */
  readonly effectiveJudged?: number;
  /** The same of the held-out rows that calibrated: their own scatter makes the rate of one baseline uncertain. */
  readonly effectiveHeldOut?: number;
  readonly what?: 'objects' | 'images';
}

/**
 * Whether more is flagged than the promise explains. The calibration's own rate is uncertain (of n held-out rows it
 * scatters as if that many trials were drawn), so both samples enter: trials n·m/(n + m).
 */
export function checkFlaggedShare(check: FlaggedCheck): Finding | null {
  const { flagged, judged, percentile, what = 'objects' } = check;
  if (judged === 0) return null;
  const { effectiveJudged = judged, effectiveHeldOut = Infinity } = check;
  const trials = Math.max(
    1,
    Math.floor(
      effectiveHeldOut === Infinity
        ? effectiveJudged
        : (effectiveJudged * effectiveHeldOut) / (effectiveJudged + effectiveHeldOut),
    ),
  );
  const alpha = alphaOf(percentile);
  const share = flagged / judged;
  const pValue = binomialUpperTail(Math.floor(share * trials + 1e-9), trials, alpha);
  // Few trials can't be that improbable, but all of them flagged is no verdict.
  const all = share > 0.5 && judged >= 10;
  if ((share <= 2 * alpha || pValue >= DRIFT_ALPHA) && !(all && share > alpha)) return null;
  return {
    code: 'FLAGGED_SHARE_HIGH',
    severity: 'warning',
    message: `${percent(share)} of ${judged} ${what} are flagged, where the baseline promises ${percent(alpha)} of normal ones (p = ${pValue.toExponential(1)})`,
    hint: 'If these images are mostly normal, they differ from the baseline: learn a baseline of images taken as these are.',
    numbers: { flagged, judged, share: round(share), promised: alpha, pValue, trials },
  };
}

/**
 * Benjamini–Hochberg over m objects can't reject k of them unless the smallest p-value, 1/(n + 1), is at most
 * rate·k/m: n ≥ m/(rate·k) − 1 held-out rows.
 * @param effectiveRows n
 */
export function checkFdr(effectiveRows: number, judged: number, rate: number): Finding | null {
  if (!(rate > 0 && rate < 1))
    throw new ConfigError(`fdr: expected a rate between 0 and 1 (both excluded), got ${rate}`);
  if (judged === 0) return null;
  const fewest = Math.ceil(judged / (rate * (effectiveRows + 1)) - 1e-9);
  if (fewest <= 1) return null;
  const needed = Math.ceil(judged / rate - 1 - 1e-9);
  const never = fewest > judged;
  return {
    code: 'FDR_UNRESOLVABLE',
    severity: never ? 'refusal' : 'warning',
    message:
      `a false discovery rate of ${rate} over ${judged} objects ` +
      (never
        ? `can flag nothing with ${Math.floor(effectiveRows)} independent held-out rows`
        : `flags ${fewest} or more objects or none with ${Math.floor(effectiveRows)} independent held-out rows`) +
      `; single ones need ${needed}`,
    hint: 'Add normal images, judge fewer objects at a time, raise the rate, or use a threshold percentile.',
    numbers: { rate, judged, effectiveRows: round(effectiveRows), fewest, needed },
  };
}

const DRIFT = {
  embeddings: ['DRIFT_EMBEDDINGS', 'the new embeddings differ from the baseline as a whole'],
  classes: ['DRIFT_CLASSES', 'the new objects are of other classes, or in other shares, than the baseline'],
  scores: ['DRIFT_SCORES', 'the new scores differ from those of held-out normals'],
} as const;

/** A warning when a two-sample test finds a drift; the tests are in two-sample.ts. */
export function checkDrift(of: keyof typeof DRIFT, test: TestResult, alpha = DRIFT_ALPHA): Finding | null {
  if (test.pValue > alpha) return null;
  const [code, what] = DRIFT[of];
  const [baseline, judged] = test.effective;
  return {
    code,
    severity: 'warning',
    message: `${what} (p = ${test.pValue.toPrecision(2)}, ${Math.round(baseline)} against ${Math.round(judged)} independent observations)`,
    hint: 'False alarms may be more than promised: check camera, light and detector, or learn a baseline of such images.',
    numbers: { pValue: test.pValue, statistic: test.statistic, baseline, judged },
  };
}
