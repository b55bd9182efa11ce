import type { EmbeddingMatrix } from '@hazure/contracts';
import { transform } from '@hazure/tsne';
import type { Baseline, CombinedMap, DetectRequest } from './records.js';
import { stackEmbeddings } from './gather.js';
import { MAP_POINTS, chooseRows, mapRows, takeRows, type EmbeddingMap } from './map.js';

/** New objects on one plot at most; outliers are the last to be left out. */
const NEW_POINTS = MAP_POINTS / 2;

/** A matrix of which only some rows are ever in memory. */
export interface RowReader {
  readonly rows: number;
  /** @param ascending distinct rows */
  take(ascending: Int32Array): Promise<EmbeddingMatrix>;
}

/** A matrix in memory, read like one that is not. */
export const rowReader = (x: EmbeddingMatrix): RowReader => ({
  rows: x.rows,
  take: async (rows) => takeRows(x, rows),
});

/**
 * New objects and the baseline on one map: on the baseline's own, unmoved, so that the maps of all its detection
 * runs can be laid over one another; where the baseline has no usable one, on a map of both.
 * @param fresh the new objects' embeddings, of which some rows are read
 * @param outlierRows rows of them that must be on the map
 */
export async function combinedMap(
  request: Pick<DetectRequest, 'options' | 'signal' | 'logger' | 'progress'> & {
    readonly baseline: Pick<Baseline, 'embeddings' | 'map'>;
  },
  fresh: RowReader,
  outlierRows: ArrayLike<number>,
): Promise<CombinedMap> {
  const { baseline, options, logger } = request;
  const newRows = chooseRows(fresh.rows, NEW_POINTS, options.seed, outlierRows);
  const embeddings = await fresh.take(newRows);
  if (baseline.map.map) return place(request, baseline.map.map, embeddings, newRows);
  const { reason } = baseline.map;
  logger.warn(`The new objects can't be placed on the baseline's map, so both get a new one: ${reason}`, {
    code: 'MAP_NOT_SHARED',
  });
  return joint(request, embeddings, newRows, reason);
}

type Request = Parameters<typeof combinedMap>[0];

async function place(
  { baseline, options, signal }: Request,
  map: EmbeddingMap,
  embeddings: EmbeddingMatrix,
  newRows: Int32Array,
): Promise<CombinedMap> {
  const { metric } = map.parameters;
  const { seed } = options;
  const base = { x: takeRows(baseline.embeddings, map.rows), y: map.xy };
  // An empty matrix has no width. Exact neighbours: no other new object may have a say in where one lands.
  const x = newRows.length > 0 ? embeddings : { ...base.x, data: new Float32Array(0), rows: 0 };
  const placed = await transform(base, x, { metric, seed, signal, neighbours: 'exact' });
  const xy = new Float32Array(map.xy.length + placed.y.length);
  xy.set(map.xy);
  xy.set(placed.y, map.xy.length);
  const { perplexity, iterations } = placed;
  return {
    baselineRows: map.rows,
    newRows,
    xy,
    parameters: { how: 'placement', perplexity, iterations, seed, metric, baselineMap: map.parameters },
  };
}

async function joint(
  { baseline, options, signal, progress }: Request,
  embeddings: EmbeddingMatrix,
  newRows: Int32Array,
  reason: string,
): Promise<CombinedMap> {
  const { seed } = options;
  const baselineRows = chooseRows(baseline.embeddings.rows, MAP_POINTS - newRows.length, seed);
  const x = stackEmbeddings([
    takeRows(baseline.embeddings, baselineRows),
    ...(newRows.length > 0 ? [embeddings] : []),
  ]);
  const { xy, parameters } = await mapRows(x, chooseRows(x.rows, x.rows, seed), {
    seed,
    signal,
    onProgress: (done, total) => progress.update({ stage: 'map', done, total, unit: 'steps' }),
  });
  return { baselineRows, newRows, xy, parameters: { how: 'joint', reason, ...parameters } };
}
