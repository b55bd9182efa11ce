import { InputError } from '@hazure/contracts';
import type { MomentSums } from '@hazure/contracts';
import { addSums, emptySums } from '@hazure/numerics';
import type { MapShape, PatchMaps } from './patch-maps.js';

/** Most memory for the sums of one fold; ten folds and their total stand side by side. */
export const MAX_MOMENT_BYTES = 256 * 2 ** 20;

/**
 * Moment sums of maps at every position by itself, about one origin: all that the Gaussian models of `patch-gaussian`
 * need. Sums of different images add up, and those of a fold can be taken away again.
 *
 * Memory: 8·(d (d + 1)/2 + 2 d + 1) bytes a position for d channels, whatever the number of images: 3.5 MB for 14 × 14
 * cells of 64 channels.
 */
export class PatchMoments {
  count = 0;
  readonly positions: number;
  private readonly packed: number;
  /** positions × d: Σ y of y = x − origin. */
  readonly first: Float64Array;
  /** positions × d (d + 1)/2: lower triangle of Σ y yᵀ, row by row. */
  readonly second: Float64Array;
  /** positions × d: Σ ‖y‖² y. */
  readonly third: Float64Array;
  /** positions: Σ ‖y‖⁴. */
  readonly fourth: Float64Array;

  /** @throws InputError where the sums would not fit `MAX_MOMENT_BYTES` */
  constructor(
    readonly shape: MapShape,
    /** d values near the mean of all cells: sums about it lose fewer digits. */
    readonly origin: Float64Array,
  ) {
    const d = shape.channels;
    this.positions = shape.height * shape.width;
    this.packed = (d * (d + 1)) / 2;
    const bytes = 8 * this.positions * (this.packed + 2 * d + 1);
    if (bytes > MAX_MOMENT_BYTES) {
      throw new InputError(
        'INPUT_INVALID',
        `patch models: ${shape.height} × ${shape.width} cells of ${d} channels need ${Math.ceil(bytes / 2 ** 20)} MiB of sums a fold, expected at most ${MAX_MOMENT_BYTES / 2 ** 20}`,
        { hint: 'Take a coarser map or project it to fewer channels.' },
      );
    }
    this.first = new Float64Array(this.positions * d);
    this.second = new Float64Array(this.positions * this.packed);
    this.third = new Float64Array(this.positions * d);
    this.fourth = new Float64Array(this.positions);
  }

  /** Adds one of the maps: index `map` of `maps`, whose shape and values were checked. */
  add(maps: PatchMaps, map: number): void {
    const { positions, packed, origin, first, second, third, fourth } = this;
    const d = origin.length;
    const y = new Float64Array(d);
    for (let p = 0; p < positions; p++) {
      const from = (map * positions + p) * d;
      let square = 0;
      for (let i = 0; i < d; i++) {
        y[i] = maps.data[from + i] - origin[i];
        square += y[i] * y[i];
      }
      let at = p * packed;
      for (let i = 0; i < d; i++) {
        const value = y[i];
        first[p * d + i] += value;
        third[p * d + i] += square * value;
        for (let j = 0; j <= i; j++, at++) second[at] += value * y[j];
      }
      fourth[p] += square * square;
    }
    this.count++;
  }

  /** Adds (`sign` 1) or takes away (−1) sums about the same origin. */
  combine(other: PatchMoments, sign: 1 | -1): this {
    this.count += sign * other.count;
    for (const part of ['first', 'second', 'third', 'fourth'] as const) {
      const [own, theirs] = [this[part], other[part]];
      for (let i = 0; i < own.length; i++) own[i] += sign * theirs[i];
    }
    return this;
  }

  clone(): PatchMoments {
    return new PatchMoments(this.shape, this.origin).combine(this, 1);
  }

  /** Sums over the images at one position. */
  at(position: number): MomentSums {
    const d = this.origin.length;
    const second = new Float64Array(d * d);
    for (let i = 0, at = position * this.packed; i < d; i++) {
      for (let j = 0; j <= i; j++, at++) {
        second[i * d + j] = this.second[at];
        second[j * d + i] = this.second[at];
      }
    }
    return {
      count: this.count,
      first: this.first.slice(position * d, (position + 1) * d),
      second,
      third: this.third.slice(position * d, (position + 1) * d),
      fourth: this.fourth[position],
    };
  }

  /** Sums over all cells of all images. */
  overall(): MomentSums {
    const sums = emptySums(this.origin.length);
    for (let p = 0; p < this.positions; p++) addSums(sums, this.at(p));
    return sums;
  }
}
