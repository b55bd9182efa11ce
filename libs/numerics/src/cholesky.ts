/**
 * Lower Cholesky factor of a symmetric positive definite matrix (n × n, row-major; only the lower triangle is
 * read). Returns null when the matrix is not positive definite in float64.
 */
export function cholesky(matrix: Float64Array, n: number): Float64Array | null {
  const l = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    const rowI = i * n;
    for (let j = 0; j <= i; j++) {
      const rowJ = j * n;
      // Four partial sums shorten the chain of dependent additions.
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      let k = 0;
      for (; k + 3 < j; k += 4) {
        s0 += l[rowI + k] * l[rowJ + k];
        s1 += l[rowI + k + 1] * l[rowJ + k + 1];
        s2 += l[rowI + k + 2] * l[rowJ + k + 2];
        s3 += l[rowI + k + 3] * l[rowJ + k + 3];
      }
      for (; k < j; k++) s0 += l[rowI + k] * l[rowJ + k];
      const rest = matrix[rowI + j] - (s0 + s1 + (s2 + s3));
      if (i === j) {
        if (!(rest > 0)) return null;
        l[rowI + i] = Math.sqrt(rest);
      } else {
        l[rowI + j] = rest / l[rowJ + j];
      }
    }
  }
  return l;
}

/** Inverse of a lower triangular matrix (n × n, row-major), itself lower triangular. */
export function invertLower(l: Float64Array, n: number): Float64Array {
  const inverse = new Float64Array(n * n);
  // Row i of the inverse is built from the rows above it: contiguous reads and writes.
  for (let i = 0; i < n; i++) {
    const rowI = i * n;
    const diagonal = 1 / l[rowI + i];
    for (let k = 0; k < i; k++) {
      const factor = l[rowI + k];
      if (factor === 0) continue;
      const rowK = k * n;
      for (let j = 0; j <= k; j++) inverse[rowI + j] += factor * inverse[rowK + j];
    }
    for (let j = 0; j < i; j++) inverse[rowI + j] *= -diagonal;
    inverse[rowI + i] = diagonal;
  }
  return inverse;
}
