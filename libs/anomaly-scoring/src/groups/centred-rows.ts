import type { EmbeddingMatrix } from '@hazure/contracts';
import { Random } from '@hazure/numerics';

/** Cosines of rows about their common mean, computed from the rows as they are: no copy of a large matrix. */
export class CentredRows {
  private readonly mean: Float64Array;
  private readonly meanSquare: number;
  /** 1/‖x‖ of each row (0 for a zero row), … */
  private readonly scale: Float64Array;
  /** … u·m with u = x/‖x‖, … */
  private readonly along: Float64Array;
  /** … and 1/‖u − m‖. */
  private readonly centredScale: Float64Array;

  constructor(readonly x: EmbeddingMatrix) {
    const { data, rows, cols } = x;
    this.scale = new Float64Array(rows);
    this.along = new Float64Array(rows);
    this.centredScale = new Float64Array(rows);
    this.mean = new Float64Array(cols);
    const zero = new Uint8Array(rows);
    for (let i = 0, at = 0; i < rows; i++, at += cols) {
      let sum = 0;
      for (let j = at; j < at + cols; j++) sum += data[j] * data[j];
      zero[i] = sum > 0 ? 0 : 1;
      const scale = sum > 0 ? 1 / Math.sqrt(sum) : 0;
      this.scale[i] = scale;
      for (let j = 0; j < cols; j++) this.mean[j] += (data[at + j] * scale) / rows;
    }
    this.meanSquare = this.mean.reduce((sum, value) => sum + value * value, 0);
    for (let i = 0, at = 0; i < rows; i++, at += cols) {
      let sum = 0;
      for (let j = 0; j < cols; j++) sum += data[at + j] * this.mean[j];
      this.along[i] = sum * this.scale[i];
      const square = 1 - zero[i] - 2 * this.along[i] + this.meanSquare;
      this.centredScale[i] = square > 1e-12 ? 1 / Math.sqrt(square) : 0;
    }
  }

  /** Cosine of rows i and j after the mean direction is taken away; 1 where both lie on the mean. */
  cosine(i: number, j: number): number {
    const { data, cols } = this.x;
    let sum = 0;
    for (let k = 0, a = i * cols, b = j * cols; k < cols; k++, a++, b++) sum += data[a] * data[b];
    const scale = this.centredScale[i] * this.centredScale[j];
    if (scale === 0) return this.centredScale[i] === this.centredScale[j] ? 1 : 0;
    const product = sum * this.scale[i] * this.scale[j] - this.along[i] - this.along[j] + this.meanSquare;
    return Math.min(1, Math.max(-1, product * scale));
  }

  /** The mean direction, for projections: (u − m)·r = u·r − m·r. */
  meanProduct(direction: Float32Array): number {
    let sum = 0;
    for (let j = 0; j < this.mean.length; j++) sum += this.mean[j] * direction[j];
    return sum;
  }
}

/** Fisher's z of a correlation, finite at ±1. */
export function fisherZ(correlation: number): number {
  return Math.atanh(Math.min(1 - 1e-9, Math.max(-1 + 1e-9, correlation)));
}

/** Similarities of pairs that have nothing to do with each other, as Fisher's z. */
export interface Background {
  readonly mean: number;
  readonly deviation: number;
}

/** Mean and deviation of z over random pairs of 0…n − 1. */
export function backgroundOf(
  n: number,
  similarity: (a: number, b: number) => number,
  options: { readonly pairs: number; readonly seed: number },
): Background {
  const random = new Random(options.seed);
  let [count, sum, squares] = [0, 0, 0];
  for (let tries = 0; tries < options.pairs && n > 1; tries++) {
    const a = random.nextInt(n);
    const b = random.nextInt(n);
    if (a === b) continue;
    const z = fisherZ(similarity(a, b));
    count++;
    sum += z;
    squares += z * z;
  }
  if (count === 0) return { mean: 0, deviation: 1 };
  const mean = sum / count;
  return { mean, deviation: Math.sqrt(Math.max(1e-12, squares / count - mean * mean)) };
}
