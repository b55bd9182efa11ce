import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { decodeBmp, decodePnm, type RgbImage } from '../src/index.js';
import { makeBmp, type BmpWish } from './make-bmp.js';

const LIMITS = { maxPixels: 1e6 };
type Rgb = readonly [number, number, number];

const expectPixels = (
  image: RgbImage,
  size: readonly [number, number],
  at: (x: number, y: number) => Rgb,
): void => {
  expect([image.widthPx, image.heightPx]).toEqual(size);
  const wanted: number[] = [];
  for (let y = 0; y < size[1]; y++) for (let x = 0; x < size[0]; x++) wanted.push(...at(x, y));
  expect([...image.data]).toEqual(wanted);
};

const W = 13;
const H = 7;
const palette = (n: number): Rgb[] =>
  Array.from({ length: n }, (_, i) => [(i * 37) % 256, (i * 91) % 256, 255 - (i % 256)]);
const five = (v: number): number => Math.round((v * 255) / 31);
const six = (v: number): number => Math.round((v * 255) / 63);

test.each([
  ...[1, 2, 4, 8].flatMap((bits) =>
    [12, 16, 40, 52, 56, 64, 108, 124].flatMap((headerBytes) =>
      // the oldest headers have no negative height
      (headerBytes < 40 ? [false] : [false, true]).map((topDown) => ({ bits, headerBytes, topDown })),
    ),
  ),
])(
  '$bits bits with a palette, a header of $headerBytes bytes, top-down $topDown',
  ({ bits, headerBytes, topDown }) => {
    const colours = palette(1 << bits);
    const pixel = (x: number, y: number): number => (x * 5 + y * 3) % (1 << bits);
    const bytes = makeBmp({ widthPx: W, heightPx: H, bits, headerBytes, topDown, palette: colours, pixel });
    expectPixels(decodeBmp(bytes, LIMITS), [W, H], (x, y) => colours[pixel(x, y)]);
  },
);

test.each<[string, Partial<BmpWish> & { bits: number }, (v: number) => Rgb]>([
  ['24 bits', { bits: 24 }, (v) => [(v >>> 16) & 255, (v >>> 8) & 255, v & 255]],
  ['24 bits of OS/2', { bits: 24, headerBytes: 12 }, (v) => [(v >>> 16) & 255, (v >>> 8) & 255, v & 255]],
  ['32 bits, last byte unused', { bits: 32 }, (v) => [(v >>> 16) & 255, (v >>> 8) & 255, v & 255]],
  ['16 bits, 5-5-5', { bits: 16 }, (v) => [five((v >> 10) & 31), five((v >> 5) & 31), five(v & 31)]],
  [
    '16 bits, 5-6-5',
    { bits: 16, compression: 3, masks: [0xf800, 0x07e0, 0x001f] },
    (v) => [five((v >> 11) & 31), six((v >> 5) & 63), five(v & 31)],
  ],
  [
    '32 bits with fields in another order',
    { bits: 32, compression: 3, masks: [0x000000ff, 0x0000ff00, 0x00ff0000] },
    (v) => [v & 255, (v >>> 8) & 255, (v >>> 16) & 255],
  ],
  [
    'alpha of a version 5 header, on white',
    { bits: 32, headerBytes: 124, compression: 3, masks: [0x00ff0000, 0x0000ff00, 0x000000ff, 0xff000000] },
    (v) => {
      const a = (v >>> 24) / 255;
      return [16, 8, 0].map((s) => Math.round(((v >>> s) & 255) * a + 255 * (1 - a))) as unknown as Rgb;
    },
  ],
  [
    'alpha fields after a header of 40 bytes',
    { bits: 16, compression: 6, masks: [0x0f00, 0x00f0, 0x000f, 0xf000] },
    (v) => {
      const a = ((v >> 12) & 15) / 15;
      return [8, 4, 0].map((s) => Math.round(((v >> s) & 15) * 17 * a + 255 * (1 - a))) as unknown as Rgb;
    },
  ],
])('%s, either way up', (_name, wish, colour) => {
  const pixel = (x: number, y: number): number =>
    ((x * 2654435761 + y * 40503 + 12345) >>> 0) % 2 ** wish.bits;
  for (const topDown of wish.headerBytes === 12 ? [false] : [false, true]) {
    const bytes = makeBmp({ widthPx: W, heightPx: H, ...wish, topDown, pixel });
    expectPixels(decodeBmp(bytes, LIMITS), [W, H], (x, y) => colour(pixel(x, y)));
  }
});

test('run-length data: runs, literals, line ends, jumps', () => {
  const colours = palette(16);
  const rle8 = Buffer.from([4, 1, 0, 3, 2, 3, 4, 0, 0, 0, /* row 1 */ 0, 2, 2, 1, 3, 5, 0, 1]);
  const eight = makeBmp({
    widthPx: 7,
    heightPx: 3,
    bits: 8,
    compression: 1,
    palette: colours,
    pixel: () => 0,
    body: rle8,
  });
  const fromBelow = [
    [1, 1, 1, 1, 2, 3, 4],
    [0, 0, 0, 0, 0, 0, 0],
    [0, 0, 5, 5, 5, 0, 0],
  ];
  expectPixels(decodeBmp(eight, LIMITS), [7, 3], (x, y) => colours[fromBelow[2 - y][x]]);
  const rle4 = Buffer.from([5, 0x12, 0, 3, 0x34, 0x50, 0, 0, 0, 1]);
  const four = makeBmp({
    widthPx: 8,
    heightPx: 1,
    bits: 4,
    compression: 2,
    palette: colours,
    pixel: () => 0,
    body: rle4,
  });
  expectPixels(decodeBmp(four, LIMITS), [8, 1], (x) => colours[[1, 2, 1, 2, 1, 3, 4, 5][x]]);
});

test.each<[string, Buffer, RegExp]>([
  [
    'cut pixels',
    makeBmp({ widthPx: 9, heightPx: 9, bits: 24, pixel: () => 7 }).subarray(0, 150),
    /truncated/,
  ],
  ['cut header', makeBmp({ widthPx: 9, heightPx: 9, bits: 24, pixel: () => 7 }).subarray(0, 30), /truncated/],
  [
    'cut runs',
    makeBmp({
      widthPx: 9,
      heightPx: 9,
      bits: 8,
      compression: 1,
      palette: palette(9),
      pixel: () => 0,
      body: Buffer.from([9, 1]),
    }),
    /truncated in row/,
  ],
  [
    'a colour beyond the palette',
    makeBmp({ widthPx: 2, heightPx: 2, bits: 8, palette: palette(3), pixel: () => 3 }),
    /palette of 3/,
  ],
  ['a wrapped JPEG', makeBmp({ widthPx: 2, heightPx: 2, bits: 24, compression: 4, pixel: () => 3 }), /JPEG/],
  [
    'too many pixels',
    makeBmp({ widthPx: 30000, heightPx: 30000, bits: 24, pixel: () => 3, body: Buffer.alloc(4) }),
    /pixel limit/,
  ],
  ['no pixels', makeBmp({ widthPx: 0, heightPx: 3, bits: 24, pixel: () => 3 }), /size is 0/],
  [
    '5 bits a pixel',
    makeBmp({ widthPx: 2, heightPx: 2, bits: 5, pixel: () => 0, body: Buffer.alloc(64) }),
    /5 bits/,
  ],
])('%s: refused with its reason', (_name, bytes, message) => {
  expect(() => decodeBmp(bytes, LIMITS)).toThrow(message);
});

test('random bytes after a header end as pixels or as a coded error, never as another one', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 0, maxLength: 200 }),
      fc.constantFrom('BM', 'P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7'),
      (tail, magic) => {
        const bytes = Buffer.concat([Buffer.from(magic), tail]);
        const decode = magic === 'BM' ? decodeBmp : decodePnm;
        try {
          const { widthPx, heightPx, data } = decode(bytes, { maxPixels: 1e5 });
          expect(data.length).toBe(widthPx * heightPx * 3);
        } catch (error) {
          expect(error).toMatchObject({ code: 'INPUT_UNREADABLE' });
        }
      },
    ),
    { numRuns: 500 },
  );
});

test.each<[string, Buffer, readonly [number, number], readonly number[]]>([
  ['P1', Buffer.from('P1 # bits\n3 2\n101\n0 1 0'), [3, 2], [0, 255, 0, 255, 0, 255]],
  [
    'P4',
    Buffer.concat([Buffer.from('P4\n# c\n10 2\n'), Buffer.from([0xff, 0x40, 0, 0])]),
    [10, 2],
    [...Array<number>(8).fill(0), 255, 0, ...Array<number>(10).fill(255)],
  ],
  ['P2', Buffer.from('P2\n2 2\n15\n0 5\n10 # x\n 15\n'), [2, 2], [0, 85, 170, 255]],
  [
    'P5',
    Buffer.concat([Buffer.from('P5\n2 2 255\n'), Buffer.from([0, 10, 200, 255])]),
    [2, 2],
    [0, 10, 200, 255],
  ],
  [
    'P5, 16 bits',
    Buffer.concat([Buffer.from('P5 2 1 65535\n'), Buffer.from([0x80, 0x80, 0xff, 0xff])]),
    [2, 1],
    [128, 255],
  ],
  [
    'P5, a first sample that looks like space',
    Buffer.concat([Buffer.from('P5 2 1 255\n'), Buffer.from([10, 32])]),
    [2, 1],
    [10, 32],
  ],
  [
    'P5, 10 bits',
    Buffer.concat([Buffer.from('P5 2 1 1023\n'), Buffer.from([0x03, 0xff, 0x02, 0x00])]),
    [2, 1],
    [255, 128],
  ],
  [
    'P7 with alpha',
    Buffer.concat([
      Buffer.from('P7\nWIDTH 2\nHEIGHT 1\nDEPTH 2\nMAXVAL 255\nTUPLTYPE GRAYSCALE_ALPHA\nENDHDR\n'),
      Buffer.from([0, 0, 100, 255]),
    ]),
    [2, 1],
    [255, 100],
  ],
])('%s, grey', (_name, bytes, size, grey) => {
  expectPixels(
    decodePnm(bytes, LIMITS),
    size,
    (x, y) => Array<number>(3).fill(grey[y * size[0] + x]) as unknown as Rgb,
  );
});

test.each<[string, Buffer]>([
  ['P3', Buffer.from('P3\n2 1\n255\n1 2 3 4 5 6')],
  ['P6', Buffer.concat([Buffer.from('P6\r\n2\t1\n# a\n255\n'), Buffer.from([1, 2, 3, 4, 5, 6])])],
  [
    'P6, 16 bits',
    Buffer.concat([Buffer.from('P6 2 1 65535\n'), Buffer.from([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6])]),
  ],
  [
    'P7',
    Buffer.concat([
      Buffer.from('P7\nWIDTH 2\nHEIGHT 1\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n'),
      Buffer.from([1, 2, 3, 4, 5, 6]),
    ]),
  ],
])('%s, colour', (_name, bytes) => {
  expect([...decodePnm(bytes, LIMITS).data]).toEqual([1, 2, 3, 4, 5, 6]);
});

test.each<[string, string, RegExp]>([
  ['cut binary', 'P6 9 9 255\nabc', /truncated: 3 of 243/],
  ['cut text', 'P2 2 2 9 1 2 3', /truncated/],
  ['letters', 'P2 2 2 9 1 x', /sample was expected/],
  ['a sample above the maximum', 'P2 1 1 9 10', /above its maximum/],
  ['maximum 0', 'P5 1 1 0\n0', /maximum/],
  ['a bomb', 'P5 99999 99999 255\n', /pixel limit/],
])('PNM, %s: refused with its reason', (_name, text, message) => {
  expect(() => decodePnm(Buffer.from(text), LIMITS)).toThrow(message);
});

const ffmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
(ffmpeg ? test : test.skip).each([
  ['bmp', 'bgr24'],
  ['bmp', 'bgra'],
  ['bmp', 'rgb565le'],
  ['bmp', 'rgb555le'],
  ['bmp', 'pal8'],
  ['bmp', 'monob'],
  ['ppm', 'rgb24'],
  ['pgm', 'gray'],
  ['pbm', 'monow'],
  ['pgm', 'gray16be'],
])('as ffmpeg reads its own %s of %s (skipped without ffmpeg)', (codec, format) => {
  const run = (args: string[], input?: Buffer): Buffer => {
    const { status, stdout, stderr } = spawnSync('ffmpeg', ['-v', 'error', ...args], input ? { input } : {});
    if (status !== 0) throw new Error(String(stderr));
    return stdout;
  };
  const made = run([
    '-f',
    'lavfi',
    '-i',
    'testsrc=size=61x35:d=1',
    '-frames:v',
    '1',
    '-pix_fmt',
    format,
    '-c:v',
    codec,
    '-f',
    'image2pipe',
    '-',
  ]);
  const theirs = run(['-f', `${codec}_pipe`, '-i', '-', '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-'], made);
  const ours = (codec === 'bmp' ? decodeBmp : decodePnm)(made, LIMITS);
  expect([ours.widthPx, ours.heightPx]).toEqual([61, 35]);
  let worst = 0;
  for (let i = 0; i < theirs.length; i++) worst = Math.max(worst, Math.abs(theirs[i] - ours.data[i]));
  // ffmpeg widens five bits and grey of 16 bits by another rounding
  expect(worst).toBeLessThanOrEqual(/555|565|16/.test(format) ? 8 : 0);
});

const cases = join(import.meta.dirname, '../../../../shared/cases/images');
(existsSync(cases) ? test : test.skip)('real files decode (skipped without shared cases)', () => {
  const bmp = decodeBmp(readFileSync(join(cases, '000000000034.bmp')), LIMITS);
  expect([bmp.widthPx, bmp.heightPx]).toEqual([640, 425]);
  const ppm = decodePnm(readFileSync(join(cases, 'p.ppm')), LIMITS);
  expect([ppm.widthPx, ppm.heightPx]).toEqual([427, 640]);
});
