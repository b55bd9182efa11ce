import { InterruptedError, type EmbeddingMatrix } from '@hazure/contracts';
import { Random } from '@hazure/numerics';
import {
  checkMatrix,
  resolveOptions,
  type RepulsionMethod,
  type ResolvedOptions,
  type TsneOptions,
} from './options.js';
import { conditionalAffinities, exactForces, jointAffinities, nearest, pairwiseDistances } from './oracle.js';

export interface TsneResult {
  /** Map coordinates, n×2 row-major, centred on the origin. */
  readonly y: Float32Array;
  readonly n: number;
  /** The repulsion that was used. */
  readonly method: RepulsionMethod;
  /** Iterations done; fewer than asked for only when `tolerance` stopped the run. */
  readonly iterations: number;
  readonly klDivergence: number;
  /** As used; below the one asked for when n < 3 × perplexity + 1. */
  readonly perplexity: number;
  readonly learningRate: number;
  /** Wall time of the whole call. */
  readonly seconds: number;
  readonly parts: { readonly neighbours: number; readonly affinities: number; readonly optimise: number };
}

/**
 * Maps the rows of `x` to the plane by t-SNE.
 *
 * @param x n×d, finite. n = 1 gives the origin.
 * @throws InputError for an empty or non-finite matrix, ConfigError for an impossible option,
 *   InterruptedError when `signal` aborts
 * @see van der Maaten & Hinton, "Visualizing data using t-SNE", JMLR 9 (2008)
 */
export async function tsne(x: EmbeddingMatrix, options: TsneOptions = {}): Promise<TsneResult> {
  const metric = options.metric ?? 'euclidean';
  checkMatrix(x, metric);
  const resolved = resolveOptions(x.rows, options);
  const started = performance.now();
  const distances = pairwiseDistances(x.data, x.rows, x.cols, metric);
  const neighbours = nearest(distances, x.rows, resolved.k);
  const found = performance.now();
  const conditional = conditionalAffinities(neighbours, x.rows, resolved.perplexity);
  const joint = jointAffinities(neighbours, conditional, x.rows);
  const affine = performance.now();
  const { y, klDivergence } = await optimise(joint, x.rows, resolved, options);
  const ended = performance.now();
  return {
    y,
    n: x.rows,
    method: 'exact',
    iterations: x.rows === 1 ? 0 : resolved.iterations,
    klDivergence,
    perplexity: resolved.perplexity,
    learningRate: resolved.learningRate,
    seconds: (ended - started) / 1000,
    parts: {
      neighbours: (found - started) / 1000,
      affinities: (affine - found) / 1000,
      optimise: (ended - affine) / 1000,
    },
  };
}

async function optimise(
  joint: Float64Array,
  rows: number,
  resolved: ResolvedOptions,
  { onProgress, signal }: TsneOptions,
): Promise<{ y: Float32Array; klDivergence: number }> {
  if (rows === 1) return { y: new Float32Array(2), klDivergence: 0 };
  const random = new Random(resolved.seed);
  const y =
    typeof resolved.init === 'string'
      ? Float64Array.from({ length: 2 * rows }, () => 1e-4 * random.nextNormal())
      : Float64Array.from(resolved.init);
  const velocity = new Float64Array(2 * rows);
  const gains = new Float64Array(2 * rows).fill(1);
  let klDivergence = NaN;
  for (let iteration = 0; iteration < resolved.iterations; iteration++) {
    if (signal?.aborted) throw new InterruptedError('t-SNE was interrupted');
    const early = iteration < resolved.exaggerationIterations;
    const { attraction, repulsion, normaliser, klDivergence: kl } = exactForces(joint, y, rows);
    klDivergence = kl;
    const exaggeration = early ? resolved.earlyExaggeration : 1;
    const momentum = early ? 0.5 : 0.8;
    for (let i = 0; i < 2 * rows; i++) {
      const gradient = exaggeration * attraction[i] - repulsion[i] / normaliser;
      gains[i] = Math.max(0.01, gradient * velocity[i] < 0 ? gains[i] + 0.2 : gains[i] * 0.8);
      velocity[i] = momentum * velocity[i] - resolved.learningRate * gains[i] * gradient;
      y[i] += velocity[i];
    }
    if ((iteration + 1) % 50 === 0 || iteration + 1 === resolved.iterations) {
      onProgress?.({ stage: 'optimise', done: iteration + 1, total: resolved.iterations, klDivergence });
      await new Promise((resume) => setImmediate(resume));
    }
  }
  for (const axis of [0, 1]) {
    let mean = 0;
    for (let i = 0; i < rows; i++) mean += y[2 * i + axis] / rows;
    for (let i = 0; i < rows; i++) y[2 * i + axis] -= mean;
  }
  return { y: Float32Array.from(y), klDivergence: exactForces(joint, y, rows).klDivergence };
}
