import fc from 'fast-check';
import type { DecodedImage } from '@hazure/contracts';
import {
  BACKGROUND,
  decodeRunLengths,
  encodeRunLengths,
  SharpCropEncoder,
  shownRegion,
} from '../src/index.js';
import sharp from 'sharp';

/** pycocotools' `rleToString` over the same runs, worked out by hand from its definition. */
const KNOWN = [
  { runs: [6, 1, 40, 4, 5, 4, 5, 4, 21], counts: '61X13mN000`0' },
  { runs: [0, 100], counts: '0T3' },
  { runs: [100], counts: 'T3' },
];

describe("COCO's run lengths", () => {
  test.each(KNOWN)('$runs', ({ runs, counts }) => {
    const total = runs.reduce((sum, run) => sum + run, 0);
    const mask = encodeRunLengths(Uint32Array.from(runs), 1, total);
    expect(mask).toEqual({ size: [1, total], counts });
    expect([...decodeRunLengths(mask)]).toEqual(runs);
  });

  test('go there and back', () => {
    const runs = fc.array(fc.integer({ min: 0, max: 5_000_000 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(runs, (all) => {
        const total = all.reduce((sum, run) => sum + run, 0);
        fc.pre(total > 0);
        const mask = encodeRunLengths(Uint32Array.from(all), total, 1);
        expect([...decodeRunLengths(mask)]).toEqual(all);
      }),
    );
  });

  test.each(['', '0', 'T', 'T4', '\u0000', 'é', 'oooooooooooooooo', '0T3T3'])('refuse %j', (counts) => {
    expect(() => decodeRunLengths({ size: [10, 10], counts })).toThrow(/10×10/);
  });
});

describe('a masked region', () => {
  const widthPx = 6;
  const heightPx = 5;
  const data = Uint8Array.from({ length: 3 * widthPx * heightPx }, (_, i) => i);
  const image: DecodedImage = { ref: { index: 0, id: 'a', path: '', bytes: 0 }, widthPx, heightPx, data };

  test('shows the pixels of its mask and grey around them', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }),
        fc.integer({ min: 0, max: 3 }),
        (inside, left) => {
          const runs: number[] = [];
          let current = false;
          for (const pixel of inside) {
            if (pixel !== current || runs.length === 0) {
              if (pixel !== current) {
                if (runs.length === 0) runs.push(0);
                runs.push(0);
              } else runs.push(0);
              current = pixel;
            }
            runs[runs.length - 1]!++;
          }
          const mask = encodeRunLengths(Uint32Array.from(runs), heightPx, widthPx);
          const { image: shown, box } = shownRegion({
            image,
            box: { x1: left, y1: 1, x2: left + 2.5, y2: 4 },
            mask,
          });
          expect(box).toBeNull();
          expect([shown.widthPx, shown.heightPx]).toEqual([3, 3]);
          for (let y = 0; y < 3; y++) {
            for (let x = 0; x < 3; x++) {
              const source = 3 * ((y + 1) * widthPx + x + left);
              const wanted = inside[(x + left) * heightPx + y + 1]
                ? [...data.subarray(source, source + 3)]
                : [BACKGROUND, BACKGROUND, BACKGROUND];
              expect([...shown.data.subarray(3 * (y * 3 + x), 3 * (y * 3 + x) + 3)]).toEqual(wanted);
            }
          }
        },
      ),
    );
  });

  test('is itself without a mask, and refuses that of another image', () => {
    const region = { image, box: { x1: 0, y1: 0, x2: 2, y2: 2 } };
    expect(shownRegion(region)).toEqual(region);
    expect(() => shownRegion({ ...region, mask: { size: [9, 9], counts: 'a2' } })).toThrow(/6×5/);
  });

  test('is saved as it was shown', async () => {
    const mask = encodeRunLengths(Uint32Array.of(30), heightPx, widthPx);
    const jpeg = await new SharpCropEncoder().encode({ image, box: { x1: 1, y1: 1, x2: 5, y2: 5 }, mask });
    const { data: pixels, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([4, 4]);
    expect(new Set(pixels)).toEqual(new Set([BACKGROUND]));
  });
});
