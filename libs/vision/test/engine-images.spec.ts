import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import type { DecodedImage, ImageDecoder, ImageRef } from '@hazure/contracts';
import { loadEngine } from '@hazure/native-engine';
import {
  EngineCropEncoder,
  EngineImageDecoder,
  SharpCropEncoder,
  SharpImageDecoder,
  cropEncoder,
  imageDecoder,
  walkImages,
} from '../src/index.js';
import {
  changed,
  exif,
  iccSegment,
  matrixProfile,
  matrixProfiles,
  picture,
  segments,
  table,
  withoutSegments,
  withSegment,
  withSize,
} from './jpeg-cases.js';
import { cocoFolder, testWith } from './shared-data.js';

const engine = loadEngine();
const found = engine.jpeg().path !== null;
if (!found) process.stderr.write('skipped: no libjpeg-turbo on this machine (`npm run setup` brings it)\n');
const withTurbo = found ? test : test.skip;
const reference = new SharpImageDecoder();

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'hazure-jpeg-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

let written = 0;
async function put(bytes: Uint8Array): Promise<ImageRef> {
  const id = `${++written}.jpg`;
  await writeFile(join(root, id), bytes);
  return { index: 0, id, path: join(root, id), bytes: bytes.length };
}

type Outcome = { pixels: DecodedImage } | { code: string };
const outcome = (decoder: ImageDecoder, ref: ImageRef): Promise<Outcome> =>
  decoder.decode(ref).then(
    (pixels) => ({ pixels }),
    (error: { code: string }) => ({ code: error.code }),
  );

/** Decodes both ways, expects the same, and says whether the engine did it. */
async function both(bytes: Uint8Array): Promise<{ native: boolean; outcome: Outcome; why: string[] }> {
  const ref = await put(bytes);
  const decoder = new EngineImageDecoder(engine);
  const [ours, theirs] = [await outcome(decoder, ref), await outcome(reference, ref)];
  if ('pixels' in ours && 'pixels' in theirs) {
    expect([ours.pixels.widthPx, ours.pixels.heightPx]).toEqual([
      theirs.pixels.widthPx,
      theirs.pixels.heightPx,
    ]);
    expect(Buffer.compare(ours.pixels.data, theirs.pixels.data)).toBe(0);
  } else {
    expect(ours).toEqual(theirs);
  }
  return { native: decoder.tally.native === 1, outcome: ours, why: [...decoder.tally.sharp.keys()] };
}

describe('the engine decodes to the pixels of sharp', () => {
  withTurbo.each([
    ['4:2:0', {}],
    ['4:4:4', { chromaSubsampling: '4:4:4' }],
    ['progressive', { progressive: true }],
    ['progressive 4:4:4', { progressive: true, chromaSubsampling: '4:4:4' }],
    ['quality 20', { quality: 20 }],
    ['trellis, scans and tables of mozjpeg', { mozjpeg: true }],
  ])('%s', async (_, options) => {
    for (const [width, height] of [
      [64, 48],
      [61, 47],
      [17, 1],
      [1, 1],
      [333, 250],
    ]) {
      expect((await both(await picture(width, height).jpeg(options).toBuffer())).native).toBe(true);
    }
  });

  withTurbo('greyscale', async () => {
    expect((await both(await picture(61, 47).greyscale().jpeg().toBuffer())).native).toBe(true);
  });

  withTurbo.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'EXIF orientation %d, of either byte order',
    async (orientation) => {
      const file = await picture(61, 47).jpeg().toBuffer();
      for (const bigEndian of [false, true]) {
        const turned = withSegment(file, 0xe1, exif([[0x0112, 3, 1, orientation]], bigEndian));
        const result = await both(turned);
        expect(result.native).toBe(true);
        const upright = orientation >= 5 ? [47, 61] : [61, 47];
        expect(result.outcome).toMatchObject({ pixels: { widthPx: upright[0], heightPx: upright[1] } });
      }
    },
  );

  withTurbo('the colours of a matrix profile, of whatever curves', async () => {
    for (const [name, profile] of Object.entries(matrixProfiles())) {
      const file = await picture(333, 250).jpeg().toBuffer();
      const result = await both(withSegment(file, 0xe2, iccSegment(profile)));
      expect({ name, native: result.native, why: result.why }).toEqual({ name, native: true, why: [] });
    }
    expect((await both(await picture(61, 47).withIccProfile('p3').jpeg().toBuffer())).native).toBe(true);
    const grey = await picture(61, 47).greyscale().jpeg().toBuffer();
    expect((await both(withSegment(grey, 0xe2, iccSegment(matrixProfiles().adobe)))).native).toBe(true);
  });

  withTurbo('bytes that a reference brings itself, which are read once', async () => {
    const decoder = new EngineImageDecoder(engine);
    for (const [file, native] of [
      [await picture(61, 47).jpeg().toBuffer(), true],
      [await picture(61, 47).png().toBuffer(), false],
    ] as const) {
      let reads = 0;
      const read = (): Promise<Uint8Array> => {
        reads += 1;
        return Promise.resolve(file);
      };
      const ref = { index: 0, id: 'a', path: 'nowhere', bytes: 0, read };
      const image = await decoder.decode(ref);
      expect(image.ref).toBe(ref);
      expect(reads).toBe(1);
      expect(decoder.tally.sharp.size).toBe(native ? 0 : 1);
      expect(Buffer.compare(image.data, (await reference.decode(ref)).data)).toBe(0);
    }
    const lost = { index: 0, id: 'a', path: 'b', bytes: 0, read: () => Promise.reject(new Error('gone')) };
    await expect(decoder.decode(lost)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' });
  });

  testWith(cocoFolder)('real photos', async () => {
    const refs = (await walkImages(join(cocoFolder, 'images'))).slice(0, 24);
    const decoder = imageDecoder(engine);
    for (const ref of refs) {
      const [ours, theirs] = await Promise.all([decoder.decode(ref), reference.decode(ref)]);
      expect(Buffer.compare(ours.data, theirs.data)).toBe(0);
    }
    if (found) expect((decoder as EngineImageDecoder).tally.native).toBeGreaterThan(20);
  });
});

describe('what is not plain goes to sharp', () => {
  withTurbo.each([
    ['CMYK', () => picture(20, 20).toColourspace('cmyk').jpeg().toBuffer(), /4 components|ICC/],
    ['a PNG named .jpg', () => picture(20, 20).png().toBuffer(), /begin/],
    ['words', async () => Buffer.from('words'), /begin/],
    ['an empty file', async () => Buffer.alloc(0), /read/],
  ])('%s', async (_, make, why) => {
    const result = await both(await make());
    expect(result.native).toBe(false);
    expect(result.why).toEqual([expect.stringMatching(why)]);
  });

  withTurbo('an ICC profile that is more than a matrix and curves, damaged or in pieces', async () => {
    const file = await picture(64, 48).jpeg().toBuffer();
    const { adobe } = matrixProfiles();
    const cases = {
      'another class': changed(adobe, 12, 'abst'),
      'other colours': changed(adobe, 16, 'CMYK'),
      'another connection space': changed(adobe, 20, 'Lab '),
      'no profile': changed(adobe, 36, 'nope'),
      'an unknown version': changed(adobe, 8, '\x09'),
      'cut off': adobe.subarray(0, adobe.length - 40),
      'a lifted black': matrixProfile({ curve: table([3000, 30000, 65535]) }),
      'a falling curve': matrixProfile({ curve: table([0, 40000, 30000, 65535]) }),
      'no red curve': changed(adobe, adobe.indexOf('rTRC'), 'xTRC'),
      'lookup tables': changed(adobe, adobe.indexOf('cprt'), 'A2B0'),
    };
    for (const [name, profile] of Object.entries(cases)) {
      const result = await both(withSegment(file, 0xe2, iccSegment(profile)));
      expect({ name, native: result.native }).toEqual({ name, native: false });
    }
    const half = withSegment(file, 0xe2, iccSegment(adobe.subarray(0, 200), 1, 2));
    expect((await both(half)).why).toEqual([expect.stringMatching(/pieces/)]);
  });

  withTurbo('RGB, by its Adobe marker or by the names of its components', async () => {
    const file = await picture(20, 20).jpeg({ chromaSubsampling: '4:4:4' }).toBuffer();
    const adobe = Buffer.concat([Buffer.from('Adobe\0', 'latin1'), Buffer.from([100, 0, 0, 0, 0, 0])]);
    const bare = withoutSegments(file, 0xe0);
    expect(await both(withSegment(bare, 0xee, adobe))).toMatchObject({ native: false });
    const frame = segments(bare).find(({ marker }) => marker === 0xc0)!;
    const scan = segments(bare).find(({ marker }) => marker === 0xda)!;
    const named = Buffer.from(bare);
    for (const [i, name] of [...'RGB'].entries()) {
      named[frame.from + 10 + 3 * i] = name.charCodeAt(0);
      named[scan.from + 5 + 2 * i] = name.charCodeAt(0);
    }
    expect(await both(named)).toMatchObject({ native: false });
  });

  withTurbo.each([
    ['a value beyond 8', exif([[0x0112, 3, 1, 9]])],
    ['a value of 0', exif([[0x0112, 3, 1, 0]])],
    ['another type', exif([[0x0112, 4, 1, 6]])],
    [
      'two of them',
      exif([
        [0x0112, 3, 1, 6],
        [0x0112, 3, 1, 3],
      ]),
    ],
    ['a directory beyond the block', exif([[0x0112, 3, 1, 6]]).subarray(0, 20)],
    ['no byte order', Buffer.from('Exif\0\0XX*\0\b\0\0\0', 'latin1')],
  ])('an orientation in doubt: %s', async (_, block) => {
    const file = await picture(61, 47).jpeg().toBuffer();
    expect(await both(withSegment(file, 0xe1, block))).toMatchObject({
      native: false,
      why: [expect.stringMatching(/EXIF/)],
    });
  });

  withTurbo('everything where the library is switched off, with the same pixels', async () => {
    const ref = await put(await picture(64, 48).jpeg().toBuffer());
    const off = { jpeg: () => ({ path: null, origin: null, off: true, refused: [] }) };
    expect(imageDecoder({ ...engine, ...off })).toBeInstanceOf(SharpImageDecoder);
    expect(cropEncoder({ ...engine, ...off })).toBeInstanceOf(SharpCropEncoder);
    await expect(imageDecoder({ ...engine, ...off }).decode(ref)).resolves.toMatchObject({ widthPx: 64 });
  });
});

describe('damage', () => {
  withTurbo('a truncated file is an error wherever it is cut', async () => {
    const file = await picture(120, 90).jpeg().toBuffer();
    for (const share of [0.1, 0.5, 0.9, 0.99]) {
      const cut = file.subarray(0, Math.floor(file.length * share));
      expect((await both(cut)).outcome).toEqual({ code: 'INPUT_UNREADABLE' });
    }
    await both(file.subarray(0, file.length - 2)); // whole but for its end marker: sharp's to judge
  });

  withTurbo('a size that the file can not hold is refused before memory is reserved', async () => {
    for (const progressive of [false, true]) {
      const lie = withSize(await picture(64, 48).jpeg({ progressive }).toBuffer(), 16_000, 16_000);
      const before = process.memoryUsage.rss();
      await expect(new EngineImageDecoder(engine).decode(await put(lie))).rejects.toMatchObject({
        code: 'INPUT_UNREADABLE',
        message: expect.stringMatching(/16000×16000/) as string,
      });
      expect(process.memoryUsage.rss() - before).toBeLessThan(100e6);
    }
  });

  withTurbo('more pixels than allowed are refused by sharp, in its words', async () => {
    const ref = await put(await picture(64, 48).jpeg().toBuffer());
    const decoder = new EngineImageDecoder(engine, { maxPixels: 100 });
    await expect(decoder.decode(ref)).rejects.toThrow(/pixel/i);
  });

  // Longer: HAZURE_FUZZ=20000 npx jest engine-images
  withTurbo('mutated files give what sharp gives, and crash nothing', async () => {
    const rounds = Number(process.env['HAZURE_FUZZ'] ?? 150);
    const block = exif([[0x0112, 3, 1, 6]]);
    const sources = [
      withSegment(await picture(61, 47).jpeg().toBuffer(), 0xe1, block),
      await picture(61, 47, 2).jpeg({ progressive: true }).toBuffer(),
      await picture(40, 30, 3).greyscale().jpeg().toBuffer(),
    ];
    let state = 7;
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    let native = 0;
    for (let round = 0; round < rounds; round++) {
      const file = Buffer.from(sources[round % sources.length]);
      const header = segments(file).at(-1)!.to;
      for (let n = random(3); n >= 0; n--)
        file[2 + random((round % 2 ? header : file.length) - 2)] = random(256);
      if ((await both(file)).native) native += 1;
    }
    expect(native).toBeGreaterThan(rounds / 20); // else nothing was tried
  });
});

describe('crops', () => {
  withTurbo('hold the pixels of those of sharp, in about as many bytes', async () => {
    const image = await reference.decode(
      await put(await picture(333, 250).jpeg({ quality: 100 }).toBuffer()),
    );
    const [ours, theirs] = [new EngineCropEncoder(engine), new SharpCropEncoder()];
    for (const box of [
      { x1: 10.5, y1: 20.2, x2: 110, y2: 90.9 },
      { x1: -5, y1: 240.5, x2: 900, y2: 900 },
      { x1: 3, y1: 3, x2: 3.5, y2: 3.5 },
      null,
    ]) {
      const [a, b] = await Promise.all([ours.encode({ image, box }), theirs.encode({ image, box })]);
      const [left, right] = await Promise.all([a, b].map((file) => sharp(file).raw().toBuffer()));
      expect(Buffer.compare(left, right)).toBe(0);
      // standard Huffman tables take a few hundred bytes more, and some percent
      expect(a.length).toBeGreaterThanOrEqual(b.length);
      expect(a.length).toBeLessThan(1.15 * b.length + 400);
      expect(segments(a).some(({ marker }) => marker === 0xe1)).toBe(false);
    }
    const shrunk = await ours.encode({ image, box: null }, 100);
    expect(await sharp(shrunk).metadata()).toMatchObject({ width: 100, height: 75 });
  });
});

withTurbo('an image that is released gives its memory to the next one, and its pixels are gone', async () => {
  const ref = await put(await picture(640, 480).jpeg().toBuffer());
  const decoder = new EngineImageDecoder(engine);
  const image = await decoder.decode(ref);
  decoder.release(image);
  expect(image.data.length).toBe(0);
  await expect(engine.encodeJpeg({ image, box: null }, 90)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  decoder.release(image); // a second time changes nothing
  const sharps = await reference.decode(ref);
  decoder.release(sharps); // not the engine's
  expect(sharps.data.length).toBe(3 * 640 * 480);
});

withTurbo('an upright photo is written once by its decoder and read where it lies', async () => {
  const file = await picture(61, 47).jpeg().toBuffer();
  const decoder = new EngineImageDecoder(engine);
  const before = engine.pixelTraffic();
  await decoder.decode(await put(file));
  await decoder.decode(await put(withSegment(file, 0xe1, exif([[0x0112, 3, 1, 4]]))));
  await decoder.decode(await put(withSegment(file, 0xe1, exif([[0x0112, 3, 1, 6]]))));
  const after = engine.pixelTraffic();
  expect(decoder.tally).toEqual({ native: 3, sharp: new Map() });
  expect(after.decodedImages - before.decodedImages).toBe(3);
  expect(after.turnedImages - before.turnedImages).toBe(1);
});
