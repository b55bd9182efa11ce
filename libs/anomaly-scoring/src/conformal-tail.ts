/** Extreme scores that the tail is fitted to: this many effective rows at most, … */
const MOST_TAIL_ROWS = 10;
/** … and at most this share of all. */
const MOST_TAIL_SHARE = 1 / 3;

/** Probability of exceeding a score above `from`, for scores too rare to be counted. */
export interface ConformalTail {
  /** The tail begins here. */
  readonly from: number;
  /** Mean excess of the held-out scores above `from`. */
  readonly meanExcess: number;
  /** Effective held-out rows above `from`. */
  readonly weight: number;
  /** Their share of all. */
  readonly share: number;
}

/**
 * Fits an exponential to the excesses of the most extreme held-out scores.
 * @param ascending held-out scores
 * @param weights of each, ascending with them; a row's share of an independent observation
 * @returns null where the extreme scores don't differ
 */
export function fitTail(ascending: ArrayLike<number>, weights: ArrayLike<number>): ConformalTail | null {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i];
  const wanted = Math.min(MOST_TAIL_ROWS, MOST_TAIL_SHARE * total);
  let at = ascending.length - 1;
  let weight = 0;
  for (; at > 0 && weight < wanted; at--) weight += weights[at];
  const from = ascending[at];
  let excess = 0;
  for (let i = at + 1; i < ascending.length; i++) excess += weights[i] * (ascending[i] - from);
  const meanExcess = weight > 0 ? excess / weight : 0;
  if (!(meanExcess > 0)) return null;
  return { from, meanExcess, weight, share: weight / total };
}

/**
 * P(score exceeded), predictive: with k exponential excesses of mean β a new one exceeds x with probability
 * (1 + x/(kβ))^−k, the uncertainty of β included (Geisser, Predictive Inference, 1993). Exact for exponential
 * tails, on the safe side for lighter ones.
 */
export function tailProbability(tail: ConformalTail, score: number): number {
  const { from, meanExcess, weight, share } = tail;
  return share * Math.pow(1 + (score - from) / (weight * meanExcess), -weight);
}

/** The score that is exceeded with this probability, at most the tail's share. */
export function tailScore(tail: ConformalTail, probability: number): number {
  const { from, meanExcess, weight, share } = tail;
  return from + weight * meanExcess * (Math.pow(probability / share, -1 / weight) - 1);
}
