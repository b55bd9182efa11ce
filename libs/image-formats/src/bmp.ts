import { bmpHeader, type BmpHeader } from './bmp-header.js';
import { decodeRle } from './bmp-rle.js';
import { checkSize, unreadable, type DecodeLimits, type RgbImage } from './pixels.js';

/**
 * Decodes a Windows or OS/2 bitmap: headers of 12 to 124 bytes, 1, 2, 4, 8, 16, 24 and 32 bits a pixel, palettes, bit
 * fields, RLE4 and RLE8, bottom-up and top-down. A declared alpha channel is flattened on white; the fourth byte of a
 * plain 32-bit bitmap is unused, as its specification says.
 * Format: [MS-WMF] 2.2.2 (DIB), and Windows' BITMAPV5HEADER.
 *
 * @param bytes the whole file
 * @throws InputError INPUT_UNREADABLE for what is damaged, truncated, too large, or not a raster of its own
 */
export function decodeBmp(bytes: Uint8Array, limits: DecodeLimits): RgbImage {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const header = bmpHeader(buffer);
  const { widthPx, heightPx } = header;
  checkSize(widthPx, heightPx, limits);
  if (header.compression === 'rle') return decodeIndexed(header, decodeRle(buffer, header), widthPx);
  const rowBytes = Math.ceil((widthPx * header.bits) / 32) * 4;
  const wanted = rowBytes * (heightPx - 1) + Math.ceil((widthPx * header.bits) / 8);
  if (header.pixelsAt + wanted > buffer.length) {
    throw unreadable(
      `it is truncated: ${buffer.length} bytes are there, ${header.pixelsAt + wanted} expected`,
    );
  }
  const pixels = buffer.subarray(header.pixelsAt);
  if (header.bits <= 8) return decodeIndexed(header, pixels, rowBytes);
  return header.masks ? decodeMasked(header, pixels, rowBytes) : decodeBgr(header, pixels, rowBytes);
}

/** Offset of the first byte of a row, `y` from the top. */
function rowAt({ topDown, heightPx }: BmpHeader, y: number, rowBytes: number): number {
  return (topDown ? y : heightPx - 1 - y) * rowBytes;
}

function decodeIndexed(header: BmpHeader, pixels: Uint8Array, rowBytes: number): RgbImage {
  const { widthPx, heightPx, palette } = header;
  // unpacked runs hold one index a byte
  const bits = header.compression === 'rle' ? 8 : header.bits;
  const perByte = 8 / bits;
  const mask = (1 << bits) - 1;
  const colours = palette.length / 3;
  const data = new Uint8Array(widthPx * heightPx * 3);
  for (let y = 0, to = 0; y < heightPx; y++) {
    const row = rowAt(header, y, rowBytes);
    for (let x = 0; x < widthPx; x++, to += 3) {
      const shift = 8 - bits * ((x % perByte) + 1);
      const index = (pixels[row + Math.floor(x / perByte)] >> shift) & mask;
      if (index >= colours) {
        throw unreadable(`pixel ${x}, ${y} has the colour ${index} of a palette of ${colours}`);
      }
      data[to] = palette[3 * index];
      data[to + 1] = palette[3 * index + 1];
      data[to + 2] = palette[3 * index + 2];
    }
  }
  return { widthPx, heightPx, data };
}

function decodeBgr(header: BmpHeader, pixels: Uint8Array, rowBytes: number): RgbImage {
  const { widthPx, heightPx } = header;
  const step = header.bits / 8;
  const data = new Uint8Array(widthPx * heightPx * 3);
  for (let y = 0, to = 0; y < heightPx; y++) {
    let from = rowAt(header, y, rowBytes);
    for (let x = 0; x < widthPx; x++, to += 3, from += step) {
      data[to] = pixels[from + 2];
      data[to + 1] = pixels[from + 1];
      data[to + 2] = pixels[from];
    }
  }
  return { widthPx, heightPx, data };
}

/** A mask as a shift and the greatest value that remains after it. */
function field(mask: number): { readonly shift: number; readonly most: number; readonly mask: number } {
  if (mask === 0) return { shift: 0, most: 0, mask };
  const shift = 31 - Math.clz32(mask & -mask);
  return { shift, most: mask >>> shift, mask };
}

function decodeMasked(header: BmpHeader, pixels: Buffer, rowBytes: number): RgbImage {
  const { widthPx, heightPx, bits, masks } = header;
  const fields = (masks as readonly number[]).map(field);
  const [, , , alpha] = fields;
  const data = new Uint8Array(widthPx * heightPx * 3);
  for (let y = 0, to = 0; y < heightPx; y++) {
    let from = rowAt(header, y, rowBytes);
    for (let x = 0; x < widthPx; x++, to += 3, from += bits / 8) {
      const value = bits === 16 ? pixels.readUInt16LE(from) : pixels.readUInt32LE(from);
      const opacity = alpha.most === 0 ? 1 : ((value & alpha.mask) >>> alpha.shift) / alpha.most;
      for (let c = 0; c < 3; c++) {
        const { mask, shift, most } = fields[c];
        const level = most === 0 ? 0 : (((value & mask) >>> shift) * 255) / most;
        data[to + c] = Math.round(level * opacity + 255 * (1 - opacity));
      }
    }
  }
  return { widthPx, heightPx, data };
}
