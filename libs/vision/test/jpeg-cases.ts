import sharp, { type Sharp } from 'sharp';

/** A picture with edges, ramps and noise in colour, the same for the same numbers. */
export function picture(width: number, height: number, seed = 1): Sharp {
  const data = new Uint8Array(3 * width * height);
  let state = seed >>> 0 || 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const noise = (state >>> 24) % 40;
      const edge = (x >> 3) % 2 === (y >> 4) % 2 ? 90 : 0;
      const at = 3 * (y * width + x);
      data[at] = (x * 255) / width;
      data[at + 1] = Math.min(255, edge + noise + (y * 100) / height);
      data[at + 2] = 255 - noise - edge;
    }
  }
  return sharp(data, { raw: { width, height, channels: 3 } });
}

const START_OF_SCAN = 0xda;

/** The segments of a JPEG before its first scan: marker and place. */
export function segments(file: Uint8Array): { marker: number; from: number; to: number }[] {
  const found = [];
  for (let at = 2; at + 4 <= file.length && file[at] === 0xff;) {
    const to = at + 2 + file[at + 2] * 256 + file[at + 3];
    found.push({ marker: file[at + 1], from: at, to });
    if (file[at + 1] === START_OF_SCAN) break;
    at = to;
  }
  return found;
}

/** The file with a segment put behind its first marker. */
export function withSegment(file: Uint8Array, marker: number, body: Uint8Array): Buffer {
  const head = Buffer.from([0xff, marker, (body.length + 2) >> 8, (body.length + 2) & 255]);
  return Buffer.concat([file.subarray(0, 2), head, body, file.subarray(2)]);
}

/** An EXIF block whose first directory has these entries: tag, type, count, value. */
export function exif(
  entries: readonly (readonly [number, number, number, number])[],
  bigEndian = false,
): Buffer {
  const block = Buffer.alloc(6 + 8 + 2 + 12 * entries.length + 4);
  block.write('Exif\0\0', 0, 'latin1');
  block.write(bigEndian ? 'MM' : 'II', 6, 'latin1');
  const u16 = (value: number, at: number): number =>
    bigEndian ? block.writeUInt16BE(value, 6 + at) : block.writeUInt16LE(value, 6 + at);
  const u32 = (value: number, at: number): number =>
    bigEndian ? block.writeUInt32BE(value, 6 + at) : block.writeUInt32LE(value, 6 + at);
  u16(42, 2);
  u32(8, 4);
  u16(entries.length, 8);
  entries.forEach(([tag, type, count, value], i) => {
    u16(tag, 10 + 12 * i);
    u16(type, 12 + 12 * i);
    u32(count, 14 + 12 * i);
    if (type === 3) u16(value, 18 + 12 * i);
    else u32(value, 18 + 12 * i);
  });
  return block;
}

/** The file with another size in its frame header. */
export function withSize(file: Uint8Array, width: number, height: number): Buffer {
  const copy = Buffer.from(file);
  const frame = segments(file).find(({ marker }) => marker >= 0xc0 && marker <= 0xc2);
  if (frame === undefined) throw new Error('no frame header');
  copy.writeUInt16BE(height, frame.from + 5);
  copy.writeUInt16BE(width, frame.from + 7);
  return copy;
}
