/** What a test wants of a bitmap that it makes. */
export interface BmpWish {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly bits: number;
  readonly headerBytes?: number;
  readonly compression?: number;
  readonly topDown?: boolean;
  readonly palette?: readonly (readonly [number, number, number])[];
  readonly masks?: readonly number[];
  /** Value of pixel x, y (y from the top): an index, or the packed value. */
  readonly pixel: (x: number, y: number) => number;
  /** Takes the place of the rows, for run-length data. */
  readonly body?: Buffer;
}

/** Writes a BMP file from the layout of its specification, independently of the decoder under test. */
export function makeBmp(wish: BmpWish): Buffer {
  const { widthPx, heightPx, bits, headerBytes = 40, compression = 0, topDown = false, palette = [] } = wish;
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32LE(headerBytes, 0);
  if (headerBytes === 12) {
    header.writeUInt16LE(widthPx, 4);
    header.writeUInt16LE(heightPx, 6);
    header.writeUInt16LE(1, 8);
    header.writeUInt16LE(bits, 10);
  } else {
    header.writeInt32LE(widthPx, 4);
    header.writeInt32LE(topDown ? -heightPx : heightPx, 8);
    header.writeUInt16LE(1, 12);
    header.writeUInt16LE(bits, 14);
    if (headerBytes >= 40) {
      header.writeUInt32LE(compression, 16);
      header.writeUInt32LE(palette.length, 32);
    }
  }
  const masks = Buffer.alloc((wish.masks?.length ?? 0) * 4);
  wish.masks?.forEach((mask, i) => masks.writeUInt32LE(mask >>> 0, 4 * i));
  if (headerBytes > 40) masks.copy(header, 40);
  const colours = Buffer.concat(
    palette.map(([r, g, b]) => Buffer.from(headerBytes === 12 ? [b, g, r] : [b, g, r, 0])),
  );
  const after = Buffer.concat([header, ...(headerBytes === 40 ? [masks] : []), colours]);
  const body = wish.body ?? rows(wish, topDown);
  const file = Buffer.alloc(14);
  file.write('BM', 'latin1');
  file.writeUInt32LE(14 + after.length + body.length, 2);
  file.writeUInt32LE(14 + after.length, 10);
  return Buffer.concat([file, after, body]);
}

function rows({ widthPx, heightPx, bits, pixel }: BmpWish, topDown: boolean): Buffer {
  const rowBytes = Math.ceil((widthPx * bits) / 32) * 4;
  const body = Buffer.alloc(rowBytes * heightPx);
  for (let y = 0; y < heightPx; y++) {
    const row = (topDown ? y : heightPx - 1 - y) * rowBytes;
    for (let x = 0; x < widthPx; x++) {
      const value = pixel(x, y) >>> 0;
      if (bits < 8) body[row + ((x * bits) >> 3)] |= value << (8 - bits - ((x * bits) & 7));
      else for (let i = 0; i < bits / 8; i++) body[row + (x * bits) / 8 + i] = (value >>> (8 * i)) & 255;
    }
  }
  return body;
}
