import { unreadable } from './pixels.js';

export interface BmpHeader {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly topDown: boolean;
  readonly bits: 1 | 2 | 4 | 8 | 16 | 24 | 32;
  readonly compression: 'none' | 'rle';
  /** Of red, green, blue, alpha; null for plain blue-green-red bytes. */
  readonly masks: readonly [number, number, number, number] | null;
  /** Red, green, blue of each colour. */
  readonly palette: Uint8Array;
  readonly pixelsAt: number;
}

const FILE_HEADER_BYTES = 14;
const BITS = [1, 2, 4, 8, 16, 24, 32];
const RGB_555 = [0x7c00, 0x03e0, 0x001f, 0] as const;

/** Values of the compression field; OS/2 gives 3 and 4 another meaning. */
const COMPRESSION = { none: 0, rle8: 1, rle4: 2, bitfields: 3, jpeg: 4, png: 5, alphaBitfields: 6 } as const;

/** @throws InputError INPUT_UNREADABLE */
export function bmpHeader(bytes: Buffer): BmpHeader {
  if (bytes.length < 26) throw unreadable('it is truncated: its header is not whole');
  const size = bytes.readUInt32LE(14);
  if (![12, 16, 40, 52, 56, 64, 108, 124].includes(size)) {
    throw unreadable(`its header claims ${size} bytes; known are 12, 16, 40, 52, 56, 64, 108 and 124`);
  }
  if (bytes.length < FILE_HEADER_BYTES + size) throw unreadable('it is truncated: its header is not whole');
  const core = size === 12;
  const width = core ? bytes.readUInt16LE(18) : bytes.readInt32LE(18);
  const height = core ? bytes.readUInt16LE(20) : bytes.readInt32LE(22);
  const bits = bytes.readUInt16LE(core ? 24 : 28);
  const code = size >= 40 ? bytes.readUInt32LE(30) : COMPRESSION.none;
  if (!BITS.includes(bits)) throw unreadable(`it has ${bits} bits a pixel, not ${BITS.join(', ')}`);
  const compression = compressionOf(code, bits, size, height < 0);
  const masks = masksOf(bytes, size, bits, code);
  const masksAfter =
    size === 40 ? (code === COMPRESSION.bitfields ? 12 : code === COMPRESSION.alphaBitfields ? 16 : 0) : 0;
  const paletteAt = FILE_HEADER_BYTES + size + masksAfter;
  const claimed = size >= 40 ? bytes.readUInt32LE(46) : 0;
  const stated = bytes.readUInt32LE(10);
  const entryBytes = core ? 3 : 4;
  const wantedColours = bits > 8 ? 0 : claimed === 0 || claimed > 1 << bits ? 1 << bits : claimed;
  const room = stated > paletteAt ? Math.floor((stated - paletteAt) / entryBytes) : wantedColours;
  const colours = Math.min(wantedColours, room);
  const pixelsAt = stated >= paletteAt ? stated : paletteAt + colours * entryBytes;
  if (paletteAt + colours * entryBytes > bytes.length)
    throw unreadable('it is truncated: its palette is not whole');
  return {
    widthPx: width,
    heightPx: Math.abs(height),
    topDown: height < 0,
    bits: bits as BmpHeader['bits'],
    compression,
    masks,
    palette: readPalette(bytes, paletteAt, colours, entryBytes),
    pixelsAt,
  };
}

function compressionOf(code: number, bits: number, size: number, topDown: boolean): BmpHeader['compression'] {
  if (code === COMPRESSION.none) return 'none';
  if ((code === COMPRESSION.rle8 && bits === 8) || (code === COMPRESSION.rle4 && bits === 4)) {
    if (topDown) throw unreadable('run-length encoding and rows from the top exclude each other');
    return 'rle';
  }
  const os2 = size === 64;
  if (
    (code === COMPRESSION.bitfields || code === COMPRESSION.alphaBitfields) &&
    !os2 &&
    (bits === 16 || bits === 32)
  ) {
    return 'none';
  }
  if (code === COMPRESSION.jpeg && !os2)
    throw unreadable('it wraps a JPEG for a printer: extract and give that');
  if (code === COMPRESSION.png && !os2)
    throw unreadable('it wraps a PNG for a printer: extract and give that');
  throw unreadable(`compression ${code} with ${bits} bits a pixel is not known`);
}

function masksOf(bytes: Buffer, size: number, bits: number, code: number): BmpHeader['masks'] {
  if (bits !== 16 && bits !== 32) return null;
  if (code !== COMPRESSION.bitfields && code !== COMPRESSION.alphaBitfields)
    return bits === 16 ? RGB_555 : null;
  const withAlpha = size >= 56 || code === COMPRESSION.alphaBitfields;
  const end = 54 + (withAlpha ? 16 : 12);
  if (bytes.length < end) throw unreadable('it is truncated: its bit fields are not whole');
  const masks = [54, 58, 62].map((at) => bytes.readUInt32LE(at));
  const alpha = withAlpha ? bytes.readUInt32LE(66) : 0;
  for (const mask of [...masks, alpha]) {
    const value = mask === 0 ? 0 : mask >>> (31 - Math.clz32(mask & -mask));
    if ((value & (value + 1)) !== 0) throw unreadable(`the bit field 0x${mask.toString(16)} has a gap`);
  }
  return [masks[0], masks[1], masks[2], alpha];
}

function readPalette(bytes: Buffer, at: number, colours: number, entryBytes: number): Uint8Array {
  const palette = new Uint8Array(colours * 3);
  for (let i = 0; i < colours; i++) {
    for (let c = 0; c < 3; c++) palette[3 * i + c] = bytes[at + i * entryBytes + 2 - c];
  }
  return palette;
}
