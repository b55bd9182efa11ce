import { availableParallelism } from 'node:os';
import { ConfigError, InputError, type EmbeddingMatrix } from '@hazure/contracts';

/** How the repulsion between all pairs of map points is summed. */
export type RepulsionMethod = 'exact' | 'barnes-hut' | 'fft';
export type Metric = 'euclidean' | 'cosine';
export type NeighbourSearch = 'auto' | 'exact' | 'approximate';
/** Start of the map: principal components, Laplacian eigenvectors, noise, or given coordinates (n×2, row-major). */
export type Initialisation = 'pca' | 'spectral' | 'random' | Float32Array | Float64Array;

export interface TsneProgress {
  readonly stage: 'neighbours' | 'affinities' | 'initialise' | 'optimise';
  readonly done: number;
  readonly total: number;
  /** Known at the checks of the optimiser (every 50 iterations, and the last one), else null. */
  readonly klDivergence: number | null;
}

export interface TsneOptions {
  /** Effective number of neighbours, ≥ 1. Lowered to (n − 1)/3 where the data is smaller than 3 × perplexity. */
  readonly perplexity?: number;
  readonly method?: 'auto' | RepulsionMethod;
  /** All iterations, the exaggerated ones among them. */
  readonly iterations?: number;
  readonly metric?: Metric;
  /** Any 32-bit integer; the same seed gives the same map on any number of threads. */
  readonly seed?: number;
  /** Worker threads; default: what the machine offers, at most 16. */
  readonly threads?: number;
  readonly init?: Initialisation;
  readonly neighbours?: NeighbourSearch;
  /**
   * Share of true neighbours that the approximate search must find, on a measured sample; 0.5…1. Default: 0.99
   * up to 20,000 rows, 0.97 up to 200,000, 0.95 beyond.
   */
  readonly recall?: number;
  readonly earlyExaggeration?: number;
  readonly exaggerationIterations?: number;
  /** Step size; `auto` is max(n / earlyExaggeration, 200). */
  readonly learningRate?: 'auto' | number;
  /**
   * Stop once the KL divergence falls by less than this share of itself over 50 iterations (after the
   * exaggeration ends); 0 never stops early.
   */
  readonly tolerance?: number;
  readonly onProgress?: (progress: TsneProgress) => void;
  readonly signal?: AbortSignal;
}

export interface ResolvedOptions {
  /** As asked for. */
  readonly requestedPerplexity: number;
  /** As usable with n points: at most (n − 1)/3, at least 1. */
  readonly perplexity: number;
  /** Neighbours per point: ⌊3 × perplexity + 1⌋, at most n − 1. */
  readonly k: number;
  readonly method: 'auto' | RepulsionMethod;
  readonly iterations: number;
  readonly metric: Metric;
  readonly seed: number;
  readonly threads: number;
  readonly init: Initialisation;
  readonly neighbours: NeighbourSearch;
  readonly recall: number;
  readonly earlyExaggeration: number;
  readonly exaggerationIterations: number;
  readonly learningRate: number;
  readonly tolerance: number;
}

/**
 * Missing neighbours raise the divergence of small maps (by 0.8% at 10,000 rows for a recall of 0.97, by 0.3%
 * for 0.99: libs/tsne/bench/compare.mjs); large ones pay more for the last hundredths.
 */
function defaultRecall(rows: number): number {
  if (rows <= 20_000) return 0.99;
  return rows <= 200_000 ? 0.97 : 0.95;
}

function need(condition: boolean, name: string, expected: string, came: unknown): void {
  if (condition) return;
  throw new ConfigError(`t-SNE option ${name}: expected ${expected}, came ${String(came)}`, {
    hint: `Give ${name} as ${expected}, or leave it out.`,
  });
}

function oneOf<T>(value: T, allowed: readonly T[], name: string): void {
  need(allowed.includes(value), name, `one of ${allowed.join(', ')}`, value);
}

/**
 * Fills in defaults and refuses what cannot work.
 * @throws ConfigError naming the option, what was expected and what came
 */
export function resolveOptions(rows: number, options: TsneOptions): ResolvedOptions {
  const {
    perplexity = 30,
    method = 'auto',
    iterations = 1000,
    metric = 'euclidean',
    seed = 42,
    threads = Math.min(16, availableParallelism()),
    init = 'pca',
    neighbours = 'auto',
    recall = defaultRecall(rows),
    earlyExaggeration = 12,
    exaggerationIterations = 250,
    learningRate = 'auto',
    tolerance = 0,
  } = options;
  need(Number.isFinite(perplexity) && perplexity >= 1, 'perplexity', 'a number ≥ 1', perplexity);
  oneOf(method, ['auto', 'exact', 'barnes-hut', 'fft'], 'method');
  need(Number.isInteger(iterations) && iterations >= 0, 'iterations', 'an integer ≥ 0', iterations);
  oneOf(metric, ['euclidean', 'cosine'], 'metric');
  need(Number.isInteger(seed), 'seed', 'an integer', seed);
  need(Number.isInteger(threads) && threads >= 1 && threads <= 64, 'threads', 'an integer in 1…64', threads);
  oneOf(neighbours, ['auto', 'exact', 'approximate'], 'neighbours');
  need(recall >= 0.5 && recall <= 1, 'recall', 'a number in 0.5…1', recall);
  need(earlyExaggeration >= 1, 'earlyExaggeration', 'a number ≥ 1', earlyExaggeration);
  need(
    Number.isInteger(exaggerationIterations) && exaggerationIterations >= 0,
    'exaggerationIterations',
    'an integer ≥ 0',
    exaggerationIterations,
  );
  need(learningRate === 'auto' || learningRate > 0, 'learningRate', "'auto' or a number > 0", learningRate);
  need(tolerance >= 0 && tolerance < 1, 'tolerance', 'a number in 0…1', tolerance);
  if (typeof init === 'string') oneOf(init, ['pca', 'spectral', 'random'], 'init');
  else checkCoordinates(init, rows, 'init');
  const usable = Math.max(1, Math.min(perplexity, (rows - 1) / 3));
  return {
    requestedPerplexity: perplexity,
    perplexity: usable,
    k: Math.min(rows - 1, Math.floor(3 * usable + 1)),
    method,
    iterations,
    metric,
    seed,
    threads,
    init,
    neighbours,
    recall,
    earlyExaggeration,
    exaggerationIterations: Math.min(exaggerationIterations, iterations),
    learningRate: learningRate === 'auto' ? Math.max(rows / earlyExaggeration, 200) : learningRate,
    tolerance,
  };
}

/** @throws InputError unless `y` holds `rows` finite points of the plane */
export function checkCoordinates(y: Float32Array | Float64Array, rows: number, name: string): void {
  if (y.length !== 2 * rows) {
    throw new InputError(
      'INPUT_INVALID',
      `${name}: expected ${rows} × 2 coordinates, came ${y.length} values`,
      {
        hint: 'Give one x and one y per row of the data, row after row.',
      },
    );
  }
  const bad = y.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new InputError('INPUT_INVALID', `${name}: row ${bad >> 1} holds ${y[bad]}`, {
      hint: 'Coordinates must be finite numbers.',
    });
  }
}

/**
 * Refuses a matrix that has no t-SNE: empty, ragged, not finite, or (for cosine) with a row of zeros.
 * @throws InputError naming the row and column
 */
export function checkMatrix(x: EmbeddingMatrix, metric: Metric): void {
  const { data, rows, cols } = x;
  if (!Number.isInteger(rows) || !Number.isInteger(cols) || rows < 1 || cols < 1) {
    throw new InputError('INPUT_EMPTY', `Expected at least one row and one column, came ${rows} × ${cols}`, {
      hint: 'Check that the embedding stage produced any vectors.',
    });
  }
  if (data.length !== rows * cols) {
    throw new InputError(
      'INPUT_INVALID',
      `Expected ${rows} × ${cols} = ${rows * cols} values, came ${data.length}`,
      { hint: 'rows and cols must describe the data, row after row.' },
    );
  }
  for (let row = 0; row < rows; row++) {
    let squares = 0;
    for (let col = 0; col < cols; col++) {
      const value = data[row * cols + col];
      squares += value * value;
    }
    // A sum of squares of finite float32 values cannot overflow a double, so it is finite iff they all are.
    if (!Number.isFinite(squares)) {
      const col = data.subarray(row * cols, (row + 1) * cols).findIndex((value) => !Number.isFinite(value));
      throw new InputError('INPUT_INVALID', `Row ${row}, column ${col} is ${data[row * cols + col]}`, {
        hint: 'Drop or repair rows that are not finite before projecting.',
      });
    }
    if (metric === 'cosine' && squares === 0) {
      throw new InputError('INPUT_INVALID', `Row ${row} is all zeros, so it has no direction`, {
        hint: "Drop such rows, or use metric 'euclidean'.",
      });
    }
  }
}
