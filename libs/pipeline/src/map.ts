import {
  ARTIFACTS,
  InputError,
  type BaselineMapFile,
  type EmbeddingMatrix,
  type MapParameters,
} from '@hazure/contracts';
import { Random, sampleWithoutReplacement } from '@hazure/numerics';
import { tsne } from '@hazure/tsne';

/** Points that a person can still read on one plot; larger runs are sampled (outliers are never left out). */
export const MAP_POINTS = 10_000;

/** A map of some rows of a matrix. */
export interface EmbeddingMap {
  readonly rows: Int32Array;
  /** rows.length × 2 */
  readonly xy: Float32Array;
  readonly parameters: MapParameters;
}

/** Up to `limit` rows in ascending order: every kept one, the rest drawn by the seed. */
export function chooseRows(
  total: number,
  limit: number,
  seed: number,
  keep: ArrayLike<number> = [],
): Int32Array {
  if (total <= limit) return Int32Array.from({ length: total }, (_, i) => i);
  const chosen = new Set<number>();
  for (let i = 0; i < Math.min(limit, keep.length); i++) chosen.add(keep[i]);
  for (const row of sampleWithoutReplacement(new Random(seed), total, limit)) {
    if (chosen.size >= limit) break;
    chosen.add(row);
  }
  return Int32Array.from([...chosen].sort((a, b) => a - b));
}

export function takeRows(x: EmbeddingMatrix, rows: ArrayLike<number>): EmbeddingMatrix {
  const data = new Float32Array(rows.length * x.cols);
  for (let i = 0; i < rows.length; i++) {
    data.set(x.data.subarray(rows[i] * x.cols, (rows[i] + 1) * x.cols), i * x.cols);
  }
  return { data, rows: rows.length, cols: x.cols };
}

/** t-SNE of the chosen rows. */
export async function mapRows(
  x: EmbeddingMatrix,
  rows: Int32Array,
  options: {
    readonly seed: number;
    readonly signal: AbortSignal;
    readonly onProgress: (done: number, total: number) => void;
  },
): Promise<EmbeddingMap> {
  const result = await tsne(takeRows(x, rows), {
    metric: 'cosine',
    seed: options.seed,
    signal: options.signal,
    onProgress: ({ stage, done, total }) => {
      if (stage === 'optimise') options.onProgress(done, total);
    },
  });
  return {
    rows,
    xy: result.y,
    parameters: {
      method: result.method,
      perplexity: result.perplexity,
      iterations: result.iterations,
      klDivergence: result.klDivergence,
      seed: options.seed,
      metric: 'cosine',
    },
  };
}

/**
 * The map as `tsne_map.json`: parameters and one `[row, x, y]` per point.
 * @param rows of the whole baseline that the mapped matrix holds; null where it is all of them
 */
export function mapToJson(map: EmbeddingMap, rows: readonly number[] | null = null): BaselineMapFile {
  return {
    format: ARTIFACTS.baselineMap.format,
    parameters: map.parameters,
    points: Array.from(map.rows, (row, i) => [rows?.[row] ?? row, map.xy[2 * i], map.xy[2 * i + 1]]),
  };
}

/**
 * `tsne_map.json` of a baseline, read back: what `mapToJson` wrote, bit by bit.
 * @param count rows of the reference
 * @param rows of the whole baseline that the reference holds, ascending; null where it is all of them
 * @throws InputError when it is a map of other rows
 */
export function mapFromJson(
  { points, parameters }: BaselineMapFile,
  count: number,
  rows: readonly number[] | null = null,
): EmbeddingMap {
  const place = rows && new Map(rows.map((row, at) => [row, at]));
  const places = points.map(([row]) => (place ? place.get(row) : row < count ? row : undefined));
  const far = places.indexOf(undefined);
  if (far >= 0) {
    throw new InputError(
      'ARTIFACT_INVALID',
      `${ARTIFACTS.baselineMap.file} names row ${points[far][0]} where the baseline has ${count} rows`,
      { hint: 'Learn the baseline again to get a map that new objects can be placed on.' },
    );
  }
  return {
    rows: Int32Array.from(places as number[]),
    xy: Float32Array.from(points.flatMap(([, x, y]) => [x, y])),
    parameters,
  };
}
