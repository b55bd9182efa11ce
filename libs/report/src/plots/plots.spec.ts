import { createCanvas, loadImage } from '@napi-rs/canvas';
import { CLASS_COLOURS, OUTLIER_COLOUR, rgbOf } from '../palette.js';
import { plotScoreHistogram } from './histogram.js';
import { plotMap } from './map.js';
import { plotProbabilities } from './probabilities.js';
import { plotSweep } from './sweep.js';

/** Decodes a PNG and counts pixels of a colour (within a small distance), looking at every third pixel. */
async function read(
  png: Buffer,
): Promise<{ width: number; height: number; count: (hex: string, tolerance?: number) => number }> {
  const image = await loadImage(png);
  const canvas = createCanvas(image.width, image.height);
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  const data = Buffer.from(context.getImageData(0, 0, image.width, image.height).data.buffer);
  const count = (hex: string, tolerance = 12): number => {
    const [r, g, b] = rgbOf(hex);
    let found = 0;
    for (let p = 0; p + 2 < data.length; p += 12) {
      if (Math.abs(data[p] - r) + Math.abs(data[p + 1] - g) + Math.abs(data[p + 2] - b) < tolerance) found++;
    }
    return found;
  };
  return { width: image.width, height: image.height, count };
}

const grid = (n: number): Float32Array =>
  Float32Array.from({ length: 2 * n }, (_, k) => (k % 2 === 0 ? (k / 2) % 100 : Math.floor(k / 200)));

describe('plotMap', () => {
  test('draws each class in its colour and rings the outliers', async () => {
    const labels = Array.from({ length: 60 }, (_, i) => (i < 40 ? 'car' : 'cup'));
    const input = { points: grid(60), labels, title: 'map' };
    const plain = await read(plotMap({ ...input, outliers: new Uint8Array(60) }));
    const ringed = await read(
      plotMap({ ...input, outliers: Uint8Array.from(labels, (_, i) => (i % 20 === 0 ? 1 : 0)) }),
    );
    expect([plain.width, plain.height]).toEqual([1600, 1200]);
    expect(plain.count(CLASS_COLOURS[0])).toBeGreaterThan(30);
    expect(plain.count(CLASS_COLOURS[1])).toBeGreaterThan(30);
    expect(plain.count(OUTLIER_COLOUR)).toBe(0);
    expect(ringed.count(OUTLIER_COLOUR)).toBeGreaterThan(100);
  });

  test('large sets are drawn as density, outliers still ringed', async () => {
    const n = 20_000;
    const labels = Array.from({ length: n }, () => 'car');
    const outliers = Uint8Array.from(labels, (_, i) => (i % 1000 === 0 ? 1 : 0));
    const image = await read(
      plotMap({ points: grid(n), labels, outliers, title: 'map', widthPx: 900, heightPx: 700 }),
    );
    expect(image.count(OUTLIER_COLOUR)).toBeGreaterThan(100);
  });

  test('is the same picture every time', () => {
    const input = {
      points: grid(500),
      labels: Array.from({ length: 500 }, (_, i) => `c${i % 7}`),
      title: 'map',
    };
    expect(plotMap(input).equals(plotMap(input))).toBe(true);
  });

  test('the baseline is drawn paler than the new points', async () => {
    const labels = Array.from({ length: 200 }, () => 'car');
    const mostlyBaseline = Uint8Array.from(labels, (_, i) => (i < 190 ? 1 : 0));
    const points = Float32Array.from({ length: 400 }, (_, k) =>
      k % 2 === 0 ? (k / 2) % 20 : Math.floor(k / 40),
    );
    const input = { points, labels, title: 'map', widthPx: 900, heightPx: 700 };
    const alone = await read(plotMap(input));
    const combined = await read(plotMap({ ...input, baseline: mostlyBaseline }));
    // A dot is drawn at 82% opacity, a faded one at 28%: only the first comes near its class's colour.
    expect(combined.count(CLASS_COLOURS[0], 100)).toBeLessThan(alone.count(CLASS_COLOURS[0], 100) / 2);
  });

  test.each([0, 1, 2])('%p points make a picture', (n) => {
    const png = plotMap({
      points: new Float32Array(2 * n),
      labels: Array.from({ length: n }, () => 'x'),
      title: '',
    });
    expect(png.subarray(1, 4).toString()).toBe('PNG');
  });

  test('points that are not finite are left out', () => {
    const points = Float32Array.from([0, 0, Number.NaN, 1, 1, 1]);
    expect(plotMap({ points, labels: ['a', 'b', 'c'], title: 't' }).length).toBeGreaterThan(1000);
  });

  test.each([
    { labels: ['a'] },
    { labels: ['a', 'b'], outliers: [true] },
    { labels: ['a', 'b'], baseline: [1, 0, 1] },
  ])('refuses lists of another length: %j', (wrong) => {
    expect(() => plotMap({ points: new Float64Array(4), title: 't', ...wrong })).toThrow(
      /one entry of \w+ per point/,
    );
  });

  test('hostile names do no harm', () => {
    const labels = ['\n\t\u0000', '"<script>'.repeat(2000)];
    expect(plotMap({ points: new Float32Array(4), labels, title: '🚗'.repeat(5000) }).length).toBeGreaterThan(
      1000,
    );
  });
});

describe('charts', () => {
  test('probabilities: colours tell common, potential and outside apart', async () => {
    const match = { similarity: 0.9, probability: 0.3 };
    const { count } = await read(
      await plotProbabilities({
        title: 'crop',
        caption: 'a car',
        matches: [
          { ...match, label: 'car', role: 'common', matched: true },
          { ...match, label: 'fire', role: 'potential', matched: true },
          { ...match, label: 'x'.repeat(500), role: 'common', matched: false },
        ],
      }),
    );
    for (const colour of ['#3b76d1', OUTLIER_COLOUR, '#c3cbd8']) expect(count(colour)).toBeGreaterThan(1600);
  });

  test('probabilities: no matches is an empty chart, not an error', async () => {
    expect((await plotProbabilities({ title: 'crop', matches: [] })).length).toBeGreaterThan(1000);
  });

  test('histogram shows the threshold', async () => {
    const scores = Array.from({ length: 500 }, (_, i) => Math.sin(i) * 0.1 + 0.5);
    const withLine = await read(
      plotScoreHistogram({ series: [{ name: 'a', scores }], threshold: 0.58, title: 't' }),
    );
    const without = await read(
      plotScoreHistogram({ series: [{ name: 'a', scores }], threshold: null, title: 't' }),
    );
    expect(withLine.count(OUTLIER_COLOUR)).toBeGreaterThan(60);
    expect(without.count(OUTLIER_COLOUR)).toBe(0);
    expect(
      plotScoreHistogram({ series: [{ name: 'a', scores: [] }], threshold: 1, title: 't' }).length,
    ).toBeGreaterThan(500);
  });

  test('sweeps draw lines, bars and the recommended step', async () => {
    const points = [1, 2, 4].map((x) => ({ x, y: x === 2 ? null : x * 10 }));
    const plot = { title: 't', xLabel: 'batch', yLabel: 'images/s', series: [{ name: 'cpu', points }] };
    const marked = await read(plotSweep({ ...plot, recommended: 4 }));
    expect(marked.count(OUTLIER_COLOUR)).toBeGreaterThan(15);
    const bars = await read(plotSweep({ ...plot, kind: 'bar' }));
    expect(bars.count(CLASS_COLOURS[0])).toBeGreaterThan(1600);
    expect(() => plotSweep({ ...plot, recommended: 3 })).toThrow(/none of 1, 2, 4/);
  });
});
