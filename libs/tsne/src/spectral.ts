import { Random } from '@hazure/numerics';
import { doubles, floats, integers } from './memory.js';
import type { Team } from './team.js';

const ITERATIONS = 200;
const BLOCK = 512;

export interface SpectralParams {
  readonly rows: number;
  readonly rowStarts: number;
  readonly columns: number;
  readonly joint: number;
  /** rows doubles: square roots of the affinity sums. */
  readonly degrees: number;
  /** 2 × rows doubles each, row-major. */
  readonly vectors: number;
  readonly products: number;
  readonly seed: number;
}

/**
 * Leading two non-trivial eigenvectors of the normalised affinity graph D^-½ P D^-½ (Laplacian eigenmaps, Belkin
 * & Niyogi 2003), by orthogonal iteration on its lazy form (I + A)/2, whose eigenvalues are not negative.
 * Result in `vectors`, scaled by D^-½.
 */
export function spectral(team: Team, p: SpectralParams): void {
  const { memory } = team;
  const { rows } = p;
  const starts = integers(memory, p.rowStarts, rows + 1);
  const columns = integers(memory, p.columns, starts[rows]);
  const joint = floats(memory, p.joint, starts[rows]);
  const degrees = doubles(memory, p.degrees, rows);
  const vectors = doubles(memory, p.vectors, 2 * rows);
  const products = doubles(memory, p.products, 2 * rows);
  const pieces = Math.ceil(rows / BLOCK);
  const each = (work: (row: number) => void): void =>
    team.each(pieces, (piece) => {
      for (let i = piece * BLOCK; i < Math.min(rows, (piece + 1) * BLOCK); i++) work(i);
    });

  each((i) => {
    let sum = 0;
    for (let at = starts[i]; at < starts[i + 1]; at++) sum += joint[at];
    degrees[i] = Math.sqrt(sum);
  });
  team.lead(() => {
    const random = new Random(p.seed);
    for (let i = 0; i < 2 * rows; i++) vectors[i] = random.nextNormal();
    orthonormalise(vectors, degrees);
  });
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    each((i) => {
      let first = 0;
      let second = 0;
      for (let at = starts[i]; at < starts[i + 1]; at++) {
        const j = columns[at];
        const weight = joint[at] / degrees[j];
        first += weight * vectors[2 * j];
        second += weight * vectors[2 * j + 1];
      }
      products[2 * i] = (vectors[2 * i] + first / degrees[i]) / 2;
      products[2 * i + 1] = (vectors[2 * i + 1] + second / degrees[i]) / 2;
    });
    team.lead(() => {
      vectors.set(products);
      orthonormalise(vectors, degrees);
    });
  }
  each((i) => {
    vectors[2 * i] /= degrees[i];
    vectors[2 * i + 1] /= degrees[i];
  });
}

/** Makes both columns orthogonal to the trivial eigenvector `degrees`, to each other, and of length one. */
function orthonormalise(vectors: Float64Array, degrees: Float64Array): void {
  const rows = degrees.length;
  const subtract = (axis: number, valueOf: (row: number) => number): void => {
    let dot = 0;
    let squares = 0;
    for (let i = 0; i < rows; i++) {
      const value = valueOf(i);
      dot += vectors[2 * i + axis] * value;
      squares += value * value;
    }
    if (squares > 0) for (let i = 0; i < rows; i++) vectors[2 * i + axis] -= (dot / squares) * valueOf(i);
  };
  for (const axis of [0, 1]) {
    subtract(axis, (row) => degrees[row]);
    if (axis === 1) subtract(1, (row) => vectors[2 * row]);
    let squares = 0;
    for (let i = 0; i < rows; i++) squares += vectors[2 * i + axis] ** 2;
    const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let i = 0; i < rows; i++) vectors[2 * i + axis] *= scale;
  }
}
