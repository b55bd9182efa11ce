import { extname } from 'node:path';

/** What the first bytes of a file say it is. */
export type ImageKind =
  | 'jpeg'
  | 'png'
  | 'gif'
  | 'webp'
  | 'tiff'
  | 'avif'
  | 'svg'
  | 'bmp'
  | 'pnm'
  | 'heic'
  | 'raw'
  | 'psd'
  | 'jxl'
  | 'jp2'
  | 'jxr'
  | 'ico'
  | 'exr'
  | 'hdr'
  | 'dds'
  | 'qoi'
  | 'pfm'
  | 'xcf'
  | 'dicom'
  | 'djvu'
  | 'flif';

/** Bytes from the start of a file that {@link sniffImage} wants to see; fewer are enough for most kinds. */
export const SNIFF_BYTES = 4096;

/** Endings of names of image files, read or refused: a walk lists all of them, so that none goes missing. */
export const IMAGE_EXTENSIONS: ReadonlySet<string> = new Set(
  (
    'jpg jpeg jpe jfif pjpeg pjp png apng webp gif tif tiff avif avifs heic heics heif heifs hif svg svgz bmp dib pnm pbm pgm ppm pam pfm ' +
    'jxl jp2 j2k jpf jpx jpm j2c jpc jxr wdp hdp psd psb xcf ico cur exr hdr dds qoi tga dcm dicom djvu flif ' +
    'cr2 cr3 crw nef nrw arw srf sr2 dng orf rw2 raf pef srw x3f 3fr iiq erf mef mos kdc dcr rwl fff gpr'
  )
    .split(' ')
    .map((name) => `.${name}`),
);

const RAW_EXTENSIONS: ReadonlySet<string> = new Set(
  'cr2 cr3 crw nef nrw arw srf sr2 dng orf rw2 raf pef srw x3f 3fr iiq erf mef mos kdc dcr rwl fff gpr'
    .split(' ')
    .map((name) => `.${name}`),
);

type Magic = readonly [offset: number, bytes: string, kind: ImageKind];

/** Bytes as Latin-1 text. Sources: each format's specification; TIFF, HEIF, SVG, PNM and BMP need a second look. */
const MAGICS: readonly Magic[] = [
  [0, '\xff\xd8\xff', 'jpeg'],
  [0, '\x89PNG\r\n\x1a\n', 'png'],
  [0, 'GIF87a', 'gif'],
  [0, 'GIF89a', 'gif'],
  [8, 'WEBP', 'webp'],
  [0, '8BPS', 'psd'],
  [0, '\xff\x0a', 'jxl'],
  [0, '\0\0\0\x0cJXL \r\n\x87\n', 'jxl'],
  [0, '\0\0\0\x0cjP  \r\n\x87\n', 'jp2'],
  [0, '\xff\x4f\xff\x51', 'jp2'],
  [0, 'II\xbc\x01', 'jxr'],
  [0, 'FUJIFILMCCD-RAW', 'raw'],
  [0, 'IIRO', 'raw'],
  [0, 'IIRS', 'raw'],
  [0, 'MMOR', 'raw'],
  [0, 'IIU\0', 'raw'],
  [0, 'FOVb', 'raw'],
  [6, 'HEAPCCDR', 'raw'],
  [0, 'v/1\x01', 'exr'],
  [0, '#?RADIANCE', 'hdr'],
  [0, '#?RGBE', 'hdr'],
  [0, 'DDS ', 'dds'],
  [0, 'qoif', 'qoi'],
  [0, 'gimp xcf ', 'xcf'],
  [128, 'DICM', 'dicom'],
  [0, 'AT&TFORM', 'djvu'],
  [0, 'FLIF', 'flif'],
];

const HEVC_BRANDS = new Set(['heic', 'heix', 'hevc', 'hevx', 'heim', 'heis', 'hevm', 'hevs']);

/**
 * What kind of image a file is, by its content; its name has no say except where content can't tell: a camera's raw
 * file that is built as a TIFF.
 *
 * @param head the first {@link SNIFF_BYTES} bytes, or the whole file
 * @param name file name, to tell raw files that are TIFFs from TIFFs
 * @returns null for anything that is no image that this table knows
 */
export function sniffImage(head: Uint8Array, name = ''): ImageKind | null {
  const bytes = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, SNIFF_BYTES));
  const text = bytes.toString('latin1');
  for (const [offset, magic, kind] of MAGICS) {
    if (!text.startsWith(magic, offset)) continue;
    if (kind === 'webp' && !text.startsWith('RIFF')) continue;
    return kind;
  }
  if (text.startsWith('ftyp', 4)) return isoBrand(bytes, text);
  if (/^(II[*+]\0|MM\0[*+])/.test(text)) return isRawTiff(bytes, name) ? 'raw' : 'tiff';
  if (isBmp(bytes, text)) return 'bmp';
  if (/^P[1-7][\s#]/.test(text)) return 'pnm';
  if (/^P[fF]\s/.test(text)) return 'pfm';
  if (isIcon(bytes)) return 'ico';
  if (isSvg(bytes)) return 'svg';
  return null;
}

/** Whether a name ends like an image's. */
export function hasImageExtension(name: string): boolean {
  return IMAGE_EXTENSIONS.has(extname(name).toLowerCase());
}

/** ISO base media: HEIF's brands say which codec; `mif1` and `msf1` leave it to the compatible ones. */
function isoBrand(bytes: Buffer, text: string): ImageKind | null {
  const end = Math.min(bytes.length, Math.max(16, bytes.readUInt32BE(0)));
  const brands = [text.slice(8, 12)];
  for (let at = 16; at + 4 <= end; at += 4) brands.push(text.slice(at, at + 4));
  if (brands[0] === 'crx ') return 'raw';
  if (brands[0] === 'jxl ') return 'jxl';
  if (['avif', 'avis'].includes(brands[0])) return 'avif';
  if (HEVC_BRANDS.has(brands[0])) return 'heic';
  if (!['mif1', 'msf1', 'miaf'].includes(brands[0])) return null;
  if (brands.some((brand) => HEVC_BRANDS.has(brand))) return 'heic';
  return 'avif';
}

const TAG = { subfileType: 254, subIfds: 330, dngVersion: 50706, cr2Slices: 50752 } as const;

/** IFD0 of a raw file is a preview: reading it as a picture would look right and be wrong. */
function isRawTiff(bytes: Buffer, name: string): boolean {
  if (RAW_EXTENSIONS.has(extname(name).toLowerCase())) return true;
  if (bytes.length < 16) return false;
  if (bytes.toString('latin1', 8, 10) === 'CR') return true;
  const little = bytes[0] === 0x49;
  const u16 = (at: number): number => (little ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const u32 = (at: number): number => (little ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const ifd = u32(4);
  if (ifd + 2 > bytes.length) return false;
  const tags = new Map<number, number>();
  for (let i = 0, at = ifd + 2; i < u16(ifd) && at + 12 <= bytes.length; i++, at += 12) {
    tags.set(u16(at), u16(at + 2) === 3 ? u16(at + 8) : u32(at + 8));
  }
  if (tags.has(TAG.dngVersion) || tags.has(TAG.cr2Slices)) return true;
  return (tags.get(TAG.subfileType) ?? 0) % 2 === 1 && tags.has(TAG.subIfds);
}

/** "BM" alone begins many a text; the header's size is a second witness. */
function isBmp(bytes: Buffer, text: string): boolean {
  if (!text.startsWith('BM')) return false;
  return bytes.length < 18 || [12, 16, 40, 52, 56, 64, 108, 124].includes(bytes.readUInt32LE(14));
}

function isIcon(bytes: Buffer): boolean {
  if (bytes.length < 22 || bytes.readUInt16LE(0) !== 0) return false;
  const type = bytes.readUInt16LE(2);
  const count = bytes.readUInt16LE(4);
  return (type === 1 || type === 2) && count > 0 && count < 256 && bytes.readUInt32LE(18) >= 6 + 16 * count;
}

function isSvg(bytes: Buffer): boolean {
  const utf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  const text = bytes.toString(utf16 ? 'utf16le' : 'utf8').replace(/^\ufeff/, '');
  if (!/^\s*</.test(text)) return false;
  return /^\s*(<\?xml[^]*?\?>|<!--[^]*?-->|<!DOCTYPE[^[>]*(\[[^\]]*\])?\s*>|\s)*<(\w+:)?svg[\s>/]/i.test(
    text,
  );
}
