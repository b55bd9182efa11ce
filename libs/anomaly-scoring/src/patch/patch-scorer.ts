import { InputError } from '@hazure/contracts';
import type { EmbeddingMatrix, MatrixAccelerator } from '@hazure/contracts';
import { selectRows } from '@hazure/numerics';
import { acceleratorOf } from '../compute.js';
import type { ComputeOptions } from '../compute.js';
import { assignFolds } from '../folds.js';
import { calibrateGrouped } from '../dependence.js';
import type { ConformalCalibration } from '../conformal.js';
import {
  BANK_CELLS,
  BANK_SAMPLE,
  bankDistances,
  CellReservoir,
  greedyCentres,
  joinBanks,
} from './patch-bank.js';
import type { PatchBank } from './patch-bank.js';
import { fitPatchGaussian, gaussianDistances } from './patch-gaussian.js';
import type { GaussianForm, PatchGaussian } from './patch-gaussian.js';
import { assertMaps } from './patch-maps.js';
import type { MapShape, PatchMaps } from './patch-maps.js';
import { PatchMoments } from './patch-moments.js';
import { poolMaps } from './patch-regions.js';
import type { PatchPooling } from './patch-regions.js';

/** Models that a patch scorer can be made of: Gaussians, or the nearest cell of a memory bank. */
export type PatchMember = GaussianForm | 'bank';

/** Feature maps of the normal images in blocks. Read more than once; the same order each time. */
export interface MapStream extends MapShape, AsyncIterable<PatchMaps> {
  /** Maps of all blocks together. */
  readonly count: number;
}

export interface PatchOptions extends ComputeOptions {
  /** Default `DEFAULT_MEMBERS`. */
  readonly members?: readonly PatchMember[];
  /** Default `DEFAULT_POOLING`. */
  readonly pooling?: PatchPooling;
  readonly seed: number;
}

/** Both chosen by bench/patch-evidence.mjs. */
export const DEFAULT_MEMBERS: readonly PatchMember[] = ['position'];
export const DEFAULT_POOLING: PatchPooling = { top: 0.02 };
/** Folds of held-out maps. */
export const PATCH_FOLDS = 10;

/** Added to distances before their logarithm, in units of what is usual: below it, all is alike. */
const FLOOR = 0.01;

export interface PatchScores {
  /** count × height × width, higher = more anomalous. */
  readonly maps: Float64Array;
  /** One of each map. */
  readonly scores: Float64Array;
}

/** Fitted models of normal feature maps. */
export class PatchModel {
  constructor(
    readonly shape: MapShape,
    readonly pooling: PatchPooling,
    readonly gaussians: readonly PatchGaussian[],
    readonly bank: PatchBank | null,
  ) {}

  /**
   * A map's value is the mean over the models of ln(0.01 + d²/usual): the logarithm of the geometric mean of their
   * distances, so that a cell is far where all of them say so, whatever their scales. usual: the number of channels
   * for a Gaussian, the summed variance for the bank.
   *
   * @throws InputError for maps of another shape, or with values that are not finite
   */
  async score(maps: PatchMaps, accelerator: MatrixAccelerator): Promise<PatchScores> {
    assertMaps(maps, this.shape);
    const { height, width, channels } = this.shape;
    const values = new Float64Array(maps.count * height * width);
    const share = 1 / (this.gaussians.length + (this.bank === null ? 0 : 1));
    const add = (distances: Float64Array, usual: number): void => {
      for (let i = 0; i < values.length; i++) values[i] += share * Math.log(FLOOR + distances[i] / usual);
    };
    for (const model of this.gaussians) add(await gaussianDistances(model, maps, accelerator), channels);
    if (this.bank !== null) add(await bankDistances(this.bank, maps, accelerator), 1);
    return { maps: values, scores: poolMaps(values, height * width, this.pooling) };
  }
}

/** Sums and samples of maps dealt into folds: models of all of them, or of all outside a fold, without a second look. */
export class PatchFitter {
  readonly members: readonly PatchMember[];
  private readonly pooling: PatchPooling;
  private sums: PatchMoments[] = [];
  private readonly reservoirs: CellReservoir[];
  private coresets: EmbeddingMatrix[] | null = null;

  /** @throws InputError for no members or the same twice */
  constructor(
    readonly shape: MapShape,
    readonly folds: number,
    options: PatchOptions,
  ) {
    this.members = options.members ?? DEFAULT_MEMBERS;
    this.pooling = options.pooling ?? DEFAULT_POOLING;
    if (this.members.length === 0 || new Set(this.members).size !== this.members.length) {
      throw new InputError(
        'INPUT_INVALID',
        `patch models: expected one or more different models, got ${this.members.join(', ') || 'none'}`,
      );
    }
    const capacity = this.members.includes('bank') ? Math.ceil(BANK_SAMPLE / folds) : 0;
    this.reservoirs = Array.from(
      { length: capacity > 0 ? folds : 0 },
      (_, fold) => new CellReservoir(capacity, shape.channels, options.seed + fold),
    );
  }

  /** foldOf: fold of each of the maps. @throws InputError as `assertMaps` */
  add(maps: PatchMaps, foldOf: ArrayLike<number>): void {
    assertMaps(maps, this.shape);
    if (this.sums.length === 0) {
      const origin = cellMeans(maps);
      this.sums = Array.from({ length: this.folds }, () => new PatchMoments(this.shape, origin));
    }
    this.coresets = null;
    for (let map = 0; map < maps.count; map++) {
      this.sums[foldOf[map]].add(maps, map);
      this.reservoirs[foldOf[map]]?.add(maps, map);
    }
  }

  /** The model of all maps outside fold `without`; of all maps where it is absent. */
  model(without?: number): PatchModel {
    if (this.sums.length === 0) {
      throw new InputError('BASELINE_TOO_SMALL', 'patch models: expected maps to fit to, got none');
    }
    const total = this.sums[0].clone();
    for (const sums of this.sums.slice(1)) total.combine(sums, 1);
    if (without !== undefined) total.combine(this.sums[without], -1);
    const gaussians = this.members
      .filter((member) => member !== 'bank')
      .map((form) => fitPatchGaussian(total, form));
    return new PatchModel(this.shape, this.pooling, gaussians, this.bankOf(total, without));
  }

  private bankOf(total: PatchMoments, without?: number): PatchBank | null {
    if (!this.members.includes('bank')) return null;
    this.coresets ??= this.reservoirs.map((reservoir) => {
      const rows = reservoir.rows();
      return selectRows(rows, greedyCentres(rows, Math.ceil(BANK_CELLS / this.folds)));
    });
    const { count, first, second } = total.overall();
    let spread = 0;
    for (let i = 0; i < first.length; i++) {
      spread += second[i * (first.length + 1)] / count - (first[i] / count) ** 2;
    }
    return joinBanks(
      this.coresets.filter((_, fold) => fold !== without),
      spread,
    );
  }
}

function cellMeans({ data, channels }: PatchMaps): Float64Array {
  const means = new Float64Array(channels);
  for (let i = 0; i < data.length; i++) means[i % channels] += data[i];
  return means.map((sum) => (sum * channels) / data.length);
}

export interface FittedPatch {
  readonly model: PatchModel;
  /** One score of each normal map by models that did not see its fold, in the stream's order. */
  readonly heldOut: Float64Array;
  readonly calibration: ConformalCalibration;
  /** Mean of the held-out maps' values: what is usual, for showing maps. */
  readonly usualValue: number;
}

/**
 * Fits to a stream of normal maps and calibrates by held-out folds, in two passes. Memory: sums of ten folds, their
 * models, and a block of maps; independent of how many there are.
 *
 * @param groups group of each map; maps of one group (crops of an image, frames of a video) stay in one fold
 * @throws InputError for fewer than two groups, or maps that don't fit
 */
export async function fitPatch(
  stream: MapStream,
  groups: ArrayLike<number>,
  options: PatchOptions,
): Promise<FittedPatch> {
  if (groups.length !== stream.count || new Set(Array.from(groups)).size < 2) {
    throw new InputError(
      groups.length === stream.count ? 'BASELINE_TOO_SMALL' : 'INPUT_INVALID',
      `patch models: expected a group for each of ${stream.count} maps and at least 2 groups, got ${groups.length} of ${new Set(Array.from(groups)).size} groups`,
    );
  }
  const accelerator = acceleratorOf(options);
  const foldOf = assignFolds(groups, PATCH_FOLDS, options.seed);
  const fitter = new PatchFitter(stream, foldOf.reduce((most, fold) => Math.max(most, fold), 0) + 1, options);
  let row = 0;
  for await (const maps of stream) {
    fitter.add(maps, foldOf.subarray(row, row + maps.count));
    row += maps.count;
  }
  if (row !== stream.count) {
    throw new InputError(
      'INPUT_INVALID',
      `patch models: expected ${stream.count} maps, the stream gave ${row}`,
    );
  }
  const held = await heldOutPatches(fitter, { stream, foldOf }, accelerator);
  return {
    model: fitter.model(),
    heldOut: held.scores,
    calibration: calibrateGrouped(held.scores, groups),
    usualValue: held.usualValue,
  };
}

/** Scores of all maps by the models without their folds. A second pass over the stream. */
async function heldOutPatches(
  fitter: PatchFitter,
  { stream, foldOf }: { readonly stream: MapStream; readonly foldOf: Uint16Array },
  accelerator: MatrixAccelerator,
): Promise<{ scores: Float64Array; usualValue: number }> {
  const models = Array.from({ length: fitter.folds }, (_, fold) => fitter.model(fold));
  const scores = new Float64Array(stream.count);
  let usual = 0;
  let row = 0;
  const cellValues = stream.height * stream.width;
  for await (const maps of stream) {
    const rows = Array.from({ length: maps.count }, (_, map) => map);
    for (const [fold, model] of models.entries()) {
      const chosen = rows.filter((map) => foldOf[row + map] === fold);
      if (chosen.length === 0) continue;
      const judged = await model.score(selectMaps(maps, chosen), accelerator);
      chosen.forEach((map, i) => (scores[row + map] = judged.scores[i]));
      // The mean: maps need not be kept for it.
      for (const value of judged.maps) usual += value / (stream.count * cellValues);
    }
    row += maps.count;
  }
  return { scores, usualValue: usual };
}

/** Some of the maps. */
export function selectMaps(maps: PatchMaps, indices: readonly number[]): PatchMaps {
  const cols = maps.height * maps.width * maps.channels;
  const { data } = selectRows({ data: maps.data, rows: maps.count, cols }, indices);
  return { ...maps, data, count: indices.length };
}
