import type { BmpHeader } from './bmp-header.js';
import { unreadable } from './pixels.js';

/**
 * Unpacks RLE8 or RLE4 to one palette index a byte, `heightPx × widthPx`, bottom row first as stored. What the runs
 * skip keeps the first colour. A run beyond its row is cut at the edge, as every viewer does.
 *
 * @throws InputError INPUT_UNREADABLE when the data ends before its end mark and before the last row
 */
export function decodeRle(bytes: Buffer, header: BmpHeader): Uint8Array {
  const { widthPx, heightPx, bits } = header;
  const indices = new Uint8Array(widthPx * heightPx);
  let x = 0;
  let y = 0;
  let at = header.pixelsAt;
  const put = (index: number): void => {
    if (x < widthPx && y < heightPx) indices[y * widthPx + x] = index;
    x++;
  };
  const need = (count: number): void => {
    if (at + count > bytes.length) throw unreadable(`it is truncated in row ${y} of ${heightPx}`);
  };
  while (y < heightPx) {
    need(2);
    const count = bytes[at];
    const value = bytes[at + 1];
    at += 2;
    if (count > 0) {
      for (let i = 0; i < count; i++) put(bits === 8 ? value : i % 2 === 0 ? value >> 4 : value & 15);
    } else if (value === 0) {
      x = 0;
      y++;
    } else if (value === 1) break;
    else if (value === 2) {
      need(2);
      x += bytes[at];
      y += bytes[at + 1];
      at += 2;
    } else {
      const length = bits === 8 ? value : Math.ceil(value / 2);
      need(length);
      for (let i = 0; i < value; i++) {
        const byte = bytes[at + (bits === 8 ? i : i >> 1)];
        put(bits === 8 ? byte : i % 2 === 0 ? byte >> 4 : byte & 15);
      }
      at += length + (length % 2);
    }
  }
  return indices;
}
