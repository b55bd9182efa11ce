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
  keep: readonly number[] = [],
): Int32Array {
  if (total <= limit) return Int32Array.from({ length: total }, (_, i) => i);
  const chosen = new Set(keep.slice(0, limit));
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

/** The map as `tsne_map.json`: parameters and one `[row, x, y]` per point. */
export function mapToJson(map: EmbeddingMap): BaselineMapFile {
  return {
    format: ARTIFACTS.baselineMap.format,
    parameters: map.parameters,
    points: Array.from(map.rows, (row, i) => [row, map.xy[2 * i], map.xy[2 * i + 1]]),
  };
}

/**
 * `tsne_map.json` of a baseline, read back: what `mapToJson` wrote, bit by bit.
 * @param rows of the baseline's embeddings
 * @throws InputError when it is a map of other rows
 */
export function mapFromJson({ points, parameters }: BaselineMapFile, rows: number): EmbeddingMap {
  const far = points.find(([row]) => row >= rows);
  if (far) {
    throw new InputError(
      'ARTIFACT_INVALID',
      `${ARTIFACTS.baselineMap.file} names row ${far[0]} where the baseline has ${rows} rows`,
      { hint: 'Learn the baseline again to get a map that new objects can be placed on.' },
    );
  }
  return {
    rows: Int32Array.from(points, ([row]) => row),
    xy: Float32Array.from(points.flatMap(([, x, y]) => [x, y])),
    parameters,
  };
}
