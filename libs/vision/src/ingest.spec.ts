import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import type { ImageRef } from '@hazure/contracts';
import { SharpCropEncoder } from './crop-encoder.js';
import { SharpImageDecoder } from './image-decoder.js';
import { walkImages } from './walk-images.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hazure-ingest-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const put = async (name: string, bytes: Uint8Array | string): Promise<ImageRef> => {
  await mkdir(join(root, name, '..'), { recursive: true });
  await writeFile(join(root, name), bytes);
  return { index: 0, id: name, path: join(root, name), bytes: bytes.length };
};
const solid = (width: number, height: number, background: string): Sharp =>
  sharp({ create: { width, height, channels: 3, background } });

test('images of all sub-folders come in code point order, whatever the file system says', async () => {
  for (const name of [
    'b.png',
    'a/é.JPG',
    'a/z.jpeg',
    'B.webp',
    'a/😀.png',
    'a/ﬀ.png',
    'notes.txt',
    '.hidden.png',
  ]) {
    await put(name, 'x');
  }
  await symlink(root, join(root, 'loop'));
  const refs = await walkImages(root);
  expect(refs.map(({ id }) => id)).toEqual(['B.webp', 'a/z.jpeg', 'a/é.JPG', 'a/ﬀ.png', 'a/😀.png', 'b.png']);
  expect(refs.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
});

test('what is named like an image but is lost is listed, and refused by name when it is decoded', async () => {
  await symlink('nowhere.jpg', join(root, 'gone.jpg'));
  await symlink('self.png', join(root, 'self.png'));
  await symlink('nowhere', join(root, 'gone-folder'));
  // no UTF-8: reading the folder as text gives a name that nothing has
  await writeFile(
    Buffer.concat([Buffer.from(join(root, 'a')), Buffer.from([0xff]), Buffer.from('.jpg')]),
    'x',
  );
  const refs = await walkImages(root);
  expect(refs.map(({ id, bytes }) => [id, bytes])).toEqual([
    ['a\ufffd.jpg', 0],
    ['gone.jpg', 0],
    ['self.png', 0],
  ]);
  for (const ref of refs) {
    await expect(decoder.decode(ref)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' });
  }
});

test('folders that are to be left out are not walked', async () => {
  await put('a.png', 'x');
  await put('results/run/b.png', 'x');
  const refs = await walkImages(root, (folder) => folder === join(root, 'results', 'run'));
  expect(refs.map(({ id }) => id)).toEqual(['a.png']);
});

test('a missing, an empty and an imageless folder are told apart', async () => {
  await expect(walkImages(join(root, 'none'))).rejects.toMatchObject({ code: 'INPUT_MISSING' });
  await expect(walkImages(root)).rejects.toThrow(/is empty/);
  const { path } = await put('a.txt', 'words');
  await expect(walkImages(root)).rejects.toThrow(/None of the 1 files/);
  await expect(walkImages(path)).rejects.toThrow(/not a folder/);
});

const decoder = new SharpImageDecoder();

test('EXIF orientation is applied', async () => {
  const ref = await put(
    'o.jpg',
    await solid(30, 10, '#ff0000').withMetadata({ orientation: 6 }).jpeg().toBuffer(),
  );
  expect(await decoder.decode(ref)).toMatchObject({ widthPx: 10, heightPx: 30 });
});

test.each([
  ['greyscale', (): Promise<Buffer> => solid(4, 4, '#808080').greyscale().png().toBuffer(), [128, 128, 128]],
  [
    '16-bit',
    (): Promise<Buffer> => solid(4, 4, '#804020').toColourspace('rgb16').png().toBuffer(),
    [128, 64, 32],
  ],
  [
    'CMYK',
    (): Promise<Buffer> => solid(4, 4, '#ffffff').toColourspace('cmyk').jpeg().toBuffer(),
    [255, 255, 255],
  ],
  [
    'alpha',
    (): Promise<Buffer> =>
      sharp({ create: { width: 4, height: 4, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } })
        .png()
        .toBuffer(),
    [255, 255, 255],
  ],
])('%s becomes 8-bit sRGB', async (name, make, expected) => {
  const image = await decoder.decode(await put(`${name}.img.png`, await make()));
  expect(image.data.length).toBe(4 * 4 * 3);
  expected.forEach((value, c) => expect(Math.abs(image.data[c] - value)).toBeLessThanOrEqual(2));
});

test('a truncated JPEG and a text file with an image name are refused by name', async () => {
  const whole = await sharp({
    create: {
      width: 64,
      height: 64,
      channels: 3,
      background: '#000',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  })
    .jpeg()
    .toBuffer();
  const cut = await put('cut.jpg', whole.subarray(0, whole.length / 2));
  await expect(decoder.decode(cut)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE', message: /cut\.jpg/ });
  await expect(decoder.decode(await put('text.jpg', 'words'))).rejects.toThrow(/text\.jpg/);
});

test('an image above the pixel limit is refused before it is decoded', async () => {
  const ref = await put('big.png', await solid(200, 200, '#fff').png().toBuffer());
  await expect(new SharpImageDecoder({ maxPixels: 100 }).decode(ref)).rejects.toThrow(/pixel/i);
});

test('a crop holds the pixels of its box', async () => {
  const png = await solid(20, 20, '#000000')
    .composite([{ input: await solid(5, 5, '#ffffff').png().toBuffer(), left: 10, top: 10 }])
    .png()
    .toBuffer();
  const image = await decoder.decode(await put('c.png', png));
  const encoder = new SharpCropEncoder();
  const bytes = await encoder.encode({ image, box: { x1: 10, y1: 10, x2: 15, y2: 15 } });
  const { data, info } = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height]).toEqual([5, 5]);
  expect(Math.min(...data)).toBeGreaterThan(240);
  const outside = await encoder.encode({ image, box: { x1: -5, y1: 18.5, x2: 90, y2: 90 } }, 8);
  expect(await sharp(outside).metadata()).toMatchObject({ width: 8, height: 1 });
});

const shared = join(import.meta.dirname, '../../../../shared/cases/images');
(existsSync(shared) ? test : test.skip)(
  'the kinds that used to vanish (skipped without shared cases)',
  async () => {
    const ref = (name: string): ImageRef => ({ index: 0, id: name, path: join(shared, name), bytes: 0 });
    expect(await decoder.decode(ref('000000000034.bmp'))).toMatchObject({ widthPx: 640, heightPx: 425 });
    expect(await decoder.decode(ref('p.ppm'))).toMatchObject({ widthPx: 427, heightPx: 640 });
    expect(await decoder.decode(ref('saved.jfif'))).toMatchObject({ widthPx: 640, heightPx: 426 });
    await expect(decoder.decode(ref('real.heic'))).rejects.toThrow(/HEVC is not decoded here: convert it/);
  },
);

test('a name has no say: bytes from an archive, a wrong ending, none at all', async () => {
  const png = await solid(5, 4, '#102030').png().toBuffer();
  for (const name of ['a.jpg', 'b', 'c.bmp']) {
    expect(await decoder.decode(await put(name, png))).toMatchObject({ widthPx: 5, heightPx: 4 });
  }
  const packed: ImageRef = { index: 0, id: 'm', path: 'photos.tar', bytes: 0, read: async () => png };
  expect(await decoder.decode(packed)).toMatchObject({ widthPx: 5, heightPx: 4 });
  await expect(decoder.decode(await put('empty.png', ''))).rejects.toThrow(/empty\.png: it is empty/);
});

test('an SVG is drawn, compressed too, and given up when it takes too long', async () => {
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="6"><rect width="8" height="6" fill="#f00"/></svg>';
  for (const bytes of [Buffer.from(svg), gzipSync(svg)]) {
    const image = await decoder.decode(await put('a.svg', bytes));
    expect([image.widthPx, image.heightPx, ...image.data.subarray(0, 3)]).toEqual([8, 6, 255, 0, 0]);
  }
  // each level draws the one below it ten times
  const levels = Array.from(
    { length: 9 },
    (_, i) => `<g id="l${i + 1}">${`<use href="#l${i}"/>`.repeat(10)}</g>`,
  );
  const filters =
    '<filter id="f"><feTurbulence baseFrequency=".01" numOctaves="90"/><feMorphology radius="90"/></filter>';
  const heavy = `<svg xmlns="http://www.w3.org/2000/svg" width="6000" height="6000"><defs>${filters}<rect id="l0" width="6000" height="6000" filter="url(#f)"/>${levels.join('')}</defs><use href="#l9"/></svg>`;
  const started = process.hrtime.bigint();
  const hasty = new SharpImageDecoder({ timeLimitMs: 1500 });
  await expect(hasty.decode(await put('heavy.svg', heavy))).rejects.toMatchObject({
    code: 'INPUT_UNREADABLE',
    message: expect.stringMatching(/longer than 1\.5 s/),
  });
  expect(Number(process.hrtime.bigint() - started) / 1e9).toBeLessThan(10);
});
