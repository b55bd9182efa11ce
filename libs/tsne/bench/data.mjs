/** Data for the t-SNE tools. */
import { readFileSync } from 'node:fs';
import { Random } from '@hazure/numerics';

/** Gaussian clusters in `cols` dimensions; row i belongs to cluster i % count. Centres lie `spread` apart per axis. */
export function clusters(rows, cols, count, seed, spread = 0.5) {
  const random = new Random(seed);
  const centres = Float32Array.from({ length: count * cols }, () => spread * random.nextNormal());
  const data = new Float32Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    const at = (i % count) * cols;
    for (let c = 0; c < cols; c++) data[i * cols + c] = centres[at + c] + random.nextNormal();
  }
  return { data, rows, cols, labels: Int32Array.from({ length: rows }, (_, i) => i % count) };
}

/**
 * Rows like those of an embedding network: `count` classes of unequal size (∝ 1/√rank), each a curved sheet of
 * `dimensions` latent dimensions in `cols` columns (a random two-layer tanh network), with noise of 5% on top.
 */
export function sheets(rows, cols, count, dimensions, seed) {
  const random = new Random(seed);
  const hidden = 2 * dimensions;
  const normals = (length, scale) => Float64Array.from({ length }, () => scale * random.nextNormal());
  const classes = Array.from({ length: count }, () => ({
    centre: normals(cols, 0.5),
    inner: normals(hidden * dimensions, 1 / Math.sqrt(dimensions)),
    outer: normals(cols * hidden, 1 / Math.sqrt(hidden)),
  }));
  const shares = classes.map((_, rank) => 1 / Math.sqrt(1 + rank));
  const total = shares.reduce((a, b) => a + b, 0);
  const data = new Float32Array(rows * cols);
  const labels = new Int32Array(rows);
  const latent = new Float64Array(dimensions);
  const middle = new Float64Array(hidden);
  for (let i = 0; i < rows; i++) {
    let label = 0;
    for (let left = random.next() * total - shares[0]; left > 0 && label < count - 1; left -= shares[label])
      label++;
    labels[i] = label;
    const { centre, inner, outer } = classes[label];
    for (let d = 0; d < dimensions; d++) latent[d] = random.nextNormal();
    for (let h = 0; h < hidden; h++) {
      let sum = 0;
      for (let d = 0; d < dimensions; d++) sum += inner[h * dimensions + d] * latent[d];
      middle[h] = Math.tanh(sum);
    }
    for (let c = 0; c < cols; c++) {
      let sum = centre[c] + 0.05 * random.nextNormal();
      for (let h = 0; h < hidden; h++) sum += outer[c * hidden + h] * middle[h];
      data[i * cols + c] = sum;
    }
  }
  return { data, rows, cols, labels };
}

function readNpy(path) {
  const bytes = readFileSync(path);
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString('latin1', 10, start);
  const shape = /\((\d+), *(\d+)\)/.exec(header);
  if (!shape || !header.includes("'<f4'"))
    throw new Error(`${path}: expected a float32 matrix, came ${header}`);
  const [rows, cols] = [Number(shape[1]), Number(shape[2])];
  return { data: new Float32Array(bytes.buffer.slice(bytes.byteOffset + start)), rows, cols };
}

/** `sheets:ROWSxCOLS` (40 classes of 12 dimensions), `sheets:ROWSxCOLSxCOUNTxDIMENSIONS`, `clusters:ROWSxCOLS`, `clusters:ROWSxCOLSxCOUNTxSPREAD`, or .npy files joined by `+`; a file's rows are one class. */
export function readMatrix(source) {
  const curved = /^sheets:(\d+)x(\d+)(?:x(\d+)x(\d+))?$/.exec(source);
  if (curved) {
    const [rows, cols, count, dimensions] = curved.slice(1).map((text) => (text ? Number(text) : undefined));
    return sheets(rows, cols, count ?? 40, dimensions ?? 12, 1);
  }
  const synthetic = /^clusters:(\d+)x(\d+)(?:x(\d+)x([\d.]+))?$/.exec(source);
  if (synthetic) {
    const [, rows, cols, count = 10, spread = 0.5] = synthetic.map(Number);
    return clusters(rows, cols, count || 10, 1, spread || 0.5);
  }
  const parts = source.split('+').map(readNpy);
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const { cols } = parts[0];
  const data = new Float32Array(rows * cols);
  const labels = new Int32Array(rows);
  let at = 0;
  parts.forEach((part, label) => {
    data.set(part.data, at * cols);
    labels.fill(label, at, at + part.rows);
    at += part.rows;
  });
  return { data, rows, cols, labels };
}

/** Rows of a matrix, and their labels. */
export function pick({ data, cols, labels }, indices) {
  const out = new Float32Array(indices.length * cols);
  indices.forEach((row, i) => out.set(data.subarray(row * cols, (row + 1) * cols), i * cols));
  return { data: out, rows: indices.length, cols, labels: Int32Array.from(indices, (row) => labels[row]) };
}
