// Seconds of t-SNE by fft and by exact sums over the number of rows and the kind of data, in one run: fft must never be
// far behind, however far few points lie apart.
// Usage: node libs/tsne/bench/small-maps.mjs [ROWS,ROWS,…] [PERPLEXITY]
import { Random } from '@hazure/numerics';
import { tsne } from '@hazure/tsne';

const COLS = 16;
const sizes = (process.argv[2] ?? '1,2,3,4,6,8,16,32,64,128,256,512,1000').split(',').map(Number);
const perplexity = Number(process.argv[3] ?? 30);
const random = new Random(7);
const kinds = {
  noise: () => random.nextNormal(),
  same: () => 1,
  pairs: (row, col) => (((row >> 1) * 7919) % 97) * (col + 1),
  'one far': (row) => (row === 0 ? 1e6 : random.nextNormal()),
};

console.log('rows  kind      fft/s   exact/s  KL fft   KL exact');
for (const rows of sizes) {
  for (const [kind, value] of Object.entries(kinds)) {
    const data = Float32Array.from({ length: rows * COLS }, (_, i) => value(Math.floor(i / COLS), i % COLS));
    const x = { data, rows, cols: COLS };
    const fft = await tsne(x, { method: 'fft', perplexity });
    const exact = await tsne(x, { method: 'exact', perplexity });
    const cells = [fft.seconds, exact.seconds, fft.klDivergence, exact.klDivergence];
    console.log(String(rows).padEnd(5), kind.padEnd(8), ...cells.map((each) => each.toFixed(3).padStart(8)));
  }
}
