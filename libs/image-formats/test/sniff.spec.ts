import sharp from 'sharp';
import { hasImageExtension, refusalOf, sniffImage, type ImageKind } from '../src/index.js';

const box = (major: string, ...compatible: string[]): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(16 + 4 * compatible.length);
  return Buffer.concat([length, Buffer.from(`ftyp${major}\0\0\0\0${compatible.join('')}`, 'latin1')]);
};
const tiff = (little: boolean, ...tags: [number, number][]): Buffer => {
  const bytes = Buffer.alloc(10 + 12 * tags.length + 4);
  const u16 = (value: number, at: number): unknown =>
    little ? bytes.writeUInt16LE(value, at) : bytes.writeUInt16BE(value, at);
  const u32 = (value: number, at: number): unknown =>
    little ? bytes.writeUInt32LE(value, at) : bytes.writeUInt32BE(value, at);
  bytes.write(little ? 'II' : 'MM');
  u16(42, 2);
  u32(8, 4);
  u16(tags.length, 8);
  tags.forEach(([tag, value], i) => {
    u16(tag, 10 + 12 * i);
    u16(4, 12 + 12 * i);
    u32(1, 14 + 12 * i);
    u32(value, 18 + 12 * i);
  });
  return bytes;
};

test.each(['jpeg', 'png', 'gif', 'webp', 'tiff', 'avif'] as const)(
  '%s as sharp writes it, whatever its name',
  async (kind) => {
    const made = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#123456' } })
      .toFormat(kind)
      .toBuffer();
    expect(sniffImage(made, 'photo.txt')).toBe(kind);
    expect(refusalOf(kind)).toBeNull();
  },
);

test.each<[ImageKind | null, Buffer, string]>([
  ['heic', box('heic', 'mif1'), 'a.jpg'],
  ['heic', box('mif1', 'mif1', 'heic'), 'a.heif'],
  ['avif', box('mif1', 'avif', 'miaf'), 'a.heif'],
  ['raw', box('crx ', 'isom'), 'a.cr3'],
  [null, box('isom', 'mp41'), 'a.mp4'],
  ['raw', tiff(true, [254, 1], [330, 99]), 'a.tif'],
  ['raw', tiff(false, [50706, 0x01040000]), 'a.tif'],
  ['raw', tiff(true, [254, 0]), 'a.NEF'],
  ['tiff', tiff(false, [254, 0]), 'a.tif'],
  ['psd', Buffer.from('8BPS\0\x01'), 'a.psd'],
  ['jxl', Buffer.from('ff0a00', 'hex'), 'a'],
  ['jp2', Buffer.from('0000000c6a5020200d0a870a', 'hex'), 'a'],
  ['exr', Buffer.from('762f3101', 'hex'), 'a'],
  ['pfm', Buffer.from('PF\n2 2\n-1.0\n'), 'a'],
  ['pnm', Buffer.from('P6 2 2 255\n'), 'a'],
  [null, Buffer.from('P65 is a road'), 'a'],
  [null, Buffer.from('BMW is a car maker, not a bitmap'), 'a'],
  ['svg', Buffer.from('\ufeff<?xml version="1.0"?>\n<!-- x --><svg xmlns="s">'), 'a'],
  ['svg', Buffer.from('<!DOCTYPE svg PUBLIC "a" "b" [ <!ENTITY x "y"> ]>\n<svg >'), 'a'],
  [null, Buffer.from('<html><body><svg></svg>'), 'a'],
  [null, Buffer.from(''), 'empty.jpg'],
  [null, Buffer.from('RIFF....WAVE'), 'a.wav'],
])('%s', (kind, bytes, name) => {
  expect(sniffImage(bytes, name)).toBe(kind);
});

test('names of images, read or refused', () => {
  for (const name of ['a.JFIF', 'b.pjpeg', 'c.bmp', 'd.heic', 'e.CR2', 'f/g.ppm'])
    expect(hasImageExtension(name)).toBe(true);
  for (const name of ['a.txt', 'b', 'c.mp4']) expect(hasImageExtension(name)).toBe(false);
});

test('each refusal says what to do', () => {
  for (const kind of [
    'heic',
    'raw',
    'psd',
    'jxl',
    'jp2',
    'jxr',
    'ico',
    'exr',
    'hdr',
    'pfm',
    'dds',
    'qoi',
    'xcf',
    'dicom',
  ] as const) {
    expect(refusalOf(kind)).toMatch(/convert|export|extract|tone-map/);
  }
});
