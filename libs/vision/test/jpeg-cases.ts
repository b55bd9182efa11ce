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

/** The file without the segments of a marker. */
export function withoutSegments(file: Uint8Array, marker: number): Buffer {
  const kept = [];
  let from = 0;
  for (const segment of segments(file).filter((each) => each.marker === marker)) {
    kept.push(file.subarray(from, segment.from));
    from = segment.to;
  }
  return Buffer.concat([...kept, file.subarray(from)]);
}

/** Bytes with others over them. */
export function changed(bytes: Buffer, at: number, words: string): Buffer {
  const copy = Buffer.from(bytes);
  copy.write(words, at, 'latin1');
  return copy;
}

/** An ICC profile as its segment of a JPEG holds it. */
export function iccSegment(profile: Uint8Array, piece = 1, pieces = 1): Buffer {
  return Buffer.concat([Buffer.from('ICC_PROFILE\0', 'latin1'), Buffer.from([piece, pieces]), profile]);
}

/** A curve of points, 0 to 65535. */
export function table(points: readonly number[]): Buffer {
  const curve = Buffer.alloc(12 + 2 * points.length);
  curve.write('curv', 'latin1');
  curve.writeUInt32BE(points.length, 8);
  points.forEach((point, i) => curve.writeUInt16BE(point, 12 + 2 * i));
  return curve;
}

function parametric(type: number, values: readonly number[]): Buffer {
  const curve = Buffer.alloc(12 + 4 * values.length);
  curve.write('para', 'latin1');
  curve.writeUInt16BE(type, 8);
  values.forEach((value, i) => curve.writeInt32BE(Math.round(value * 65536), 12 + 4 * i));
  return curve;
}

type Triple = readonly [number, number, number];
const SRGB: readonly Triple[] = [
  [0.4361, 0.2225, 0.0139],
  [0.3851, 0.7169, 0.0971],
  [0.1431, 0.0606, 0.7139],
];
const ADOBE: readonly Triple[] = [
  [0.6097, 0.3111, 0.0195],
  [0.2053, 0.6257, 0.0609],
  [0.1492, 0.0632, 0.7446],
];

/** An ICC profile of colorants and one curve for all channels (ICC.1:2010, 8.3.3). */
export function matrixProfile({
  curve,
  colorants = SRGB,
  version = 2,
}: {
  readonly curve: Buffer;
  readonly colorants?: readonly Triple[];
  readonly version?: number;
}): Buffer {
  const xyz = (values: Triple): Buffer => {
    const tag = Buffer.alloc(20);
    tag.write('XYZ ', 'latin1');
    values.forEach((value, i) => tag.writeInt32BE(Math.round(value * 65536), 8 + 4 * i));
    return tag;
  };
  const words = Buffer.concat([Buffer.from('text\0\0\0\0none\0', 'latin1')]);
  const tags: [string, Buffer][] = [
    ['cprt', words],
    ['wtpt', xyz([0.9642, 1, 0.8249])],
    ...(['rXYZ', 'gXYZ', 'bXYZ'] as const).map((name, i): [string, Buffer] => [name, xyz(colorants[i])]),
    ...(['rTRC', 'gTRC', 'bTRC'] as const).map((name): [string, Buffer] => [name, curve]),
  ];
  const head = Buffer.alloc(128 + 4 + 12 * tags.length);
  head[8] = version;
  head.write('mntrRGB XYZ ', 12, 'latin1');
  head.write('acsp', 36, 'latin1');
  xyz([0.9642, 1, 0.8249]).copy(head, 68, 8);
  head.writeUInt32BE(tags.length, 128);
  const bodies: Buffer[] = [];
  let at = head.length;
  tags.forEach(([name, body], i) => {
    head.write(name, 132 + 12 * i, 'latin1');
    head.writeUInt32BE(at, 136 + 12 * i);
    head.writeUInt32BE(body.length, 140 + 12 * i);
    const padded = Buffer.concat([body, Buffer.alloc(-body.length & 3)]);
    bodies.push(padded);
    at += padded.length;
  });
  head.writeUInt32BE(at, 0);
  return Buffer.concat([head, ...bodies]);
}

/** Profiles of every kind of curve that is converted natively. */
export function matrixProfiles(): Record<string, Buffer> & { readonly adobe: Buffer } {
  const gamma = (value: number): Buffer => table([Math.round(value * 256)]);
  const points = (count: number): Buffer =>
    table(Array.from({ length: count }, (_, i) => Math.round(65535 * (i / (count - 1)) ** 1.8)));
  const srgb = [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045];
  return {
    adobe: matrixProfile({ curve: gamma(2.2), colorants: ADOBE }),
    linear: matrixProfile({ curve: table([]) }),
    'two points': matrixProfile({ curve: table([0, 65535]), colorants: ADOBE }),
    'few points': matrixProfile({ curve: points(17), colorants: ADOBE }),
    'many points': matrixProfile({ curve: points(4096) }),
    'parametric gamma': matrixProfile({ curve: parametric(0, [1.8]), colorants: ADOBE, version: 4 }),
    'parametric sRGB': matrixProfile({ curve: parametric(3, srgb), version: 4 }),
    'sRGB curve, wide': matrixProfile({ curve: parametric(3, srgb), colorants: ADOBE, version: 4 }),
  };
}
