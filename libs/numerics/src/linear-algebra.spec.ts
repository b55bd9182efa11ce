import { cholesky, factorTall, inverseCholesky } from './cholesky.js';
import { addSums, blockSums, emptySums, ledoitWolf, subtractSums } from './covariance.js';
import { withTransposedProduct } from './gemm.js';
import { sliceRows } from './matrix.js';
import { Random } from './random.js';
import { gramMatrix } from './symmetric-product.js';

const normals = (count: number, seed: number): Float64Array => {
  const random = new Random(seed);
  return Float64Array.from({ length: count }, () => random.nextNormal());
};

const naiveProduct = (
  a: ArrayLike<number>,
  m: number,
  b: ArrayLike<number>,
  n: number,
  depth: number,
): number[] =>
  Array.from({ length: m * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let k = 0; k < depth; k++) sum += a[i * depth + k] * b[j * depth + k];
    return sum;
  });

describe('SIMD products', () => {
  // Sizes around panel (4, 8), block (128) and unrolling (8) borders.
  const shapes = [
    [1, 1, 1],
    [3, 5, 7],
    [4, 8, 8],
    [5, 9, 17],
    [129, 13, 31],
    [260, 33, 64],
  ] as const;

  test.each(shapes)('float64 %i × %i, depth %i equals the naive sum', (m, n, depth) => {
    const [a, b] = [normals(m * depth, 1), normals(n * depth, 2)];
    const expected = naiveProduct(a, m, b, n, depth);
    const got: number[] = [];
    withTransposedProduct('float64', b, n, depth, {}, (product) => {
      product.forEachBlock(a, m, (c, _first, count) => {
        for (let r = 0; r < count; r++) got.push(...c.subarray(r * product.stride, r * product.stride + n));
      });
    });
    got.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 10));
    expect(got).toHaveLength(m * n);
  });

  test.each(shapes)('float32 %i × %i, depth %i equals the naive sum to float32', (m, n, depth) => {
    const [a, b] = [Float32Array.from(normals(m * depth, 3)), Float32Array.from(normals(n * depth, 4))];
    const expected = naiveProduct(a, m, b, n, depth);
    let at = 0;
    withTransposedProduct('float32', b, n, depth, {}, (product) => {
      product.forEachBlock(a, m, (c, _first, count) => {
        for (let r = 0; r < count; r++) {
          for (let j = 0; j < n; j++) expect(c[r * product.stride + j]).toBeCloseTo(expected[at++], 4);
        }
      });
    });
  });

  test('a row gives the same bits in any block', () => {
    const depth = 37;
    const a = Float32Array.from(normals(200 * depth, 5));
    const b = Float32Array.from(normals(9 * depth, 6));
    const rowOf = (from: number, row: number): number[] => {
      const kept: number[] = [];
      withTransposedProduct('float32', b, 9, depth, {}, (product) => {
        product.forEachBlock(a.subarray(from * depth), 200 - from, (c, first) => {
          const r = row - from - first;
          if (r >= 0 && r < 128) kept.push(...c.subarray(r * product.stride, r * product.stride + 9));
        });
      });
      return kept;
    };
    expect(rowOf(0, 150)).toEqual(rowOf(149, 150));
  });
});

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a).toHaveLength(b.length);
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return worst;
};

const identity = (n: number): number[] =>
  Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));

/** A·Aᵀ + I of random normals. */
const positiveDefinite = (n: number, seed: number): Float64Array => {
  const a = normals(n * n, seed);
  return Float64Array.from(naiveProduct(a, n, a, n, n), (value, at) => value + (at % (n + 1) === 0 ? 1 : 0));
};

describe('Cholesky', () => {
  // Around the borders of panels (4) and blocks (32).
  const sizes = [1, 3, 4, 23, 31, 32, 33, 35, 64, 150];

  test.each(sizes)('%i columns: the factor rebuilds the matrix', (n) => {
    const matrix = positiveDefinite(n, 7);
    const l = cholesky(matrix, n) as Float64Array;
    expect(largestDifference(naiveProduct(l, n, l, n, n), matrix)).toBeLessThan(1e-10);
    expect(l.every((value, at) => value === 0 || at % n <= Math.floor(at / n))).toBe(true);
  });

  test.each(sizes)('%i columns: the inverse factor times the factor is the identity', (n) => {
    const matrix = positiveDefinite(n, 8);
    const l = cholesky(matrix, n) as Float64Array;
    const inverse = inverseCholesky(matrix, n) as Float64Array;
    const transposed = l.map((_, at) => l[(at % n) * n + Math.floor(at / n)]);
    expect(largestDifference(naiveProduct(inverse, n, transposed, n, n), identity(n))).toBeLessThan(1e-10);
    expect(inverse.every((value, at) => value === 0 || at % n <= Math.floor(at / n))).toBe(true);
  });

  test.each(sizes)('%i columns: rows below become L⁻¹b', (n) => {
    const below = 9;
    const matrix = positiveDefinite(n, 9);
    const b = normals(below * n, 10);
    const tall = Float64Array.from([...matrix, ...b]);
    expect(factorTall(tall, n + below, n)).toBe(true);
    const solved = tall.subarray(n * n);
    // L·(L⁻¹b) = b
    expect(largestDifference(naiveProduct(solved, below, tall, n, n), b)).toBeLessThan(1e-10);
  });

  test('only the lower triangle is read', () => {
    const n = 70;
    const matrix = positiveDefinite(n, 11);
    const lower = matrix.map((value, at) => (at % n > Math.floor(at / n) ? NaN : value));
    expect(cholesky(lower, n)).toEqual(cholesky(matrix, n));
  });

  test('a matrix that is not positive definite has no factor', () => {
    expect(cholesky(Float64Array.of(1, 2, 2, 1), 2)).toBeNull();
    expect(cholesky(Float64Array.of(NaN), 1)).toBeNull();
    const late = positiveDefinite(80, 12); // in the second block
    late[79 * 81] = -1;
    expect(cholesky(late, 80)).toBeNull();
    expect(inverseCholesky(late, 80)).toBeNull();
  });
});

describe('moment sums', () => {
  const rows = 700; // more than one product block
  const cols = 6;
  const x = { data: Float32Array.from(normals(rows * cols, 8), (v) => v * 2 + 5), rows, cols };

  test('covariance equals the two-pass formula, whatever the origin', () => {
    const mean = Float64Array.from({ length: cols }, (_, j) => {
      let sum = 0;
      for (let i = 0; i < rows; i++) sum += x.data[i * cols + j] / rows;
      return sum;
    });
    for (const origin of [new Float64Array(cols), mean, new Float64Array(cols).fill(4)]) {
      const { covariance, shrinkage } = ledoitWolf(blockSums(x, origin), origin);
      for (let i = 0; i < cols; i++) {
        let sum = 0;
        for (let r = 0; r < rows; r++) {
          sum +=
            ((x.data[r * cols + i] - mean[i]) *
              (x.data[r * cols + ((i + 1) % cols)] - mean[(i + 1) % cols])) /
            rows;
        }
        expect(covariance[i * cols + ((i + 1) % cols)]).toBeCloseTo(sum * (1 - shrinkage), 9);
      }
    }
  });

  test('sums of parts add up to the sums of the whole', () => {
    const origin = new Float64Array(cols).fill(5);
    const parts = emptySums(cols);
    for (const [from, to] of [
      [0, 1],
      [1, 513],
      [513, rows],
    ])
      addSums(parts, blockSums(sliceRows(x, from, to), origin));
    const whole = blockSums(x, origin);
    expect(parts.count).toBe(rows);
    expect(parts.fourth).toBeCloseTo(whole.fourth, 6);
    parts.second.forEach((value, i) => expect(value).toBeCloseTo(whole.second[i], 8));
    parts.third.forEach((value, i) => expect(value).toBeCloseTo(whole.third[i], 7));
  });

  test('the sums of all less those of some are the sums of the rest', () => {
    const origin = new Float64Array(cols).fill(5);
    const rest = subtractSums(blockSums(x, origin), blockSums(sliceRows(x, 0, 300), origin));
    const expected = blockSums(sliceRows(x, 300, rows), origin);
    expect(rest.count).toBe(400);
    expect(rest.fourth).toBeCloseTo(expected.fourth, 6);
    rest.first.forEach((value, i) => expect(value).toBeCloseTo(expected.first[i], 8));
    rest.second.forEach((value, i) => expect(value).toBeCloseTo(expected.second[i], 8));
    rest.third.forEach((value, i) => expect(value).toBeCloseTo(expected.third[i], 7));
  });
});

describe('Gram matrix', () => {
  // Around the borders of panels (4) and of the columns taken at a time (128).
  test.each([
    [1, 1],
    [5, 3],
    [4, 128],
    [9, 129],
    [30, 300],
  ])('%i rows × %i columns equals the naive sums', (rows, cols) => {
    const x = { data: Float32Array.from(normals(rows * cols, 13), (v) => v + 2), rows, cols };
    const origin = normals(cols, 14);
    const centred = Float64Array.from(x.data, (value, at) => value - origin[at % cols]);
    const gram = gramMatrix(x, origin);
    expect(largestDifference(gram, naiveProduct(centred, rows, centred, rows, cols))).toBeLessThan(1e-9);
  });
});
