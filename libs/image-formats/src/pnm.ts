import { checkSize, unreadable, type DecodeLimits, type RgbImage } from './pixels.js';

interface Header {
  readonly magic: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly depth: number;
  readonly maxValue: number;
  /** Where the samples begin. */
  readonly at: number;
  readonly alpha: boolean;
}

/**
 * Decodes the first image of a portable bitmap, greymap, pixmap or arbitrary map (`P1` … `P7`), ASCII or binary, up
 * to 16 bits a sample; alpha of a `P7` is flattened on white. Samples are scaled by their stated maximum.
 * Format: https://netpbm.sourceforge.net/doc/ (pbm, pgm, ppm, pam).
 *
 * @param bytes the whole file
 * @throws InputError INPUT_UNREADABLE for a damaged header, missing or too large samples, or too many pixels
 */
export function decodePnm(bytes: Uint8Array, limits: DecodeLimits): RgbImage {
  const magic = String.fromCharCode(bytes[0], bytes[1]);
  if (!/^P[1-7]$/.test(magic)) throw unreadable(`it begins with ${JSON.stringify(magic)}, not with P1 to P7`);
  const header = magic === 'P7' ? readPam(bytes) : readPnm(bytes, magic);
  const { widthPx, heightPx, depth } = header;
  checkSize(widthPx, heightPx, limits);
  const samples = widthPx * heightPx * depth;
  // the usual form holds the pixels as they are wanted, and frames of videos come in it
  if (magic === 'P6' && header.maxValue === 255 && header.at + samples <= bytes.length) {
    return { widthPx, heightPx, data: bytes.subarray(header.at, header.at + samples) };
  }
  const sample = sampler(bytes, header, samples);
  const data = new Uint8Array(widthPx * heightPx * 3);
  const colour = depth >= 3;
  const scale = 255 / header.maxValue;
  const pixel = new Float64Array(depth);
  for (let i = 0, to = 0; i < widthPx * heightPx; i++, to += 3) {
    for (let c = 0; c < depth; c++) pixel[c] = sample();
    const opacity = header.alpha ? pixel[depth - 1] / header.maxValue : 1;
    for (let c = 0; c < 3; c++) {
      const value = pixel[colour ? c : 0] * scale;
      data[to + c] = Math.round(header.alpha ? value * opacity + 255 * (1 - opacity) : value);
    }
  }
  return { widthPx, heightPx, data };
}

function readPnm(bytes: Uint8Array, magic: string): Header {
  const tokens = new Tokens(bytes, 2);
  const widthPx = tokens.number('width');
  const heightPx = tokens.number('height');
  const bitmap = magic === 'P1' || magic === 'P4';
  const maxValue = bitmap ? 1 : tokens.number('maximum');
  if (maxValue < 1 || maxValue > 65535) throw unreadable(`its maximum is ${maxValue}, not 1 to 65535`);
  // one white space, and only one, stands between the header and binary samples
  const at = tokens.at + 1;
  return {
    magic,
    widthPx,
    heightPx,
    depth: magic === 'P3' || magic === 'P6' ? 3 : 1,
    maxValue,
    at,
    alpha: false,
  };
}

function readPam(bytes: Uint8Array): Header {
  const end = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf('ENDHDR\n');
  if (end < 0) throw unreadable('its PAM header has no end');
  const fields = new Map<string, string>();
  for (const line of Buffer.from(bytes.subarray(2, end)).toString('latin1').split('\n')) {
    const [key, ...rest] = line.trim().split(/\s+/);
    if (key !== '' && !key.startsWith('#')) fields.set(key.toUpperCase(), rest.join(' '));
  }
  const number = (key: string): number => {
    const value = Number(fields.get(key) ?? NaN);
    if (!Number.isInteger(value) || value < 1) throw unreadable(`its PAM header has no ${key}`);
    return value;
  };
  const [widthPx, heightPx, depth, maxValue] = ['WIDTH', 'HEIGHT', 'DEPTH', 'MAXVAL'].map(number);
  if (maxValue > 65535) throw unreadable(`its maximum is ${maxValue}, not 1 to 65535`);
  if (depth > 4) throw unreadable(`it has ${depth} channels, not 1 to 4`);
  const type = fields.get('TUPLTYPE') ?? '';
  const alpha = type === '' ? depth === 2 || depth === 4 : type.endsWith('_ALPHA');
  return { magic: 'P7', widthPx, heightPx, depth, maxValue, at: end + 7, alpha };
}

/** Reads one sample after the other; bitmaps (1 = black) come as brightness. */
function sampler(bytes: Uint8Array, header: Header, samples: number): () => number {
  const { magic, maxValue, widthPx } = header;
  let { at } = header;
  if (magic === 'P1') {
    const tokens = new Tokens(bytes, at);
    return () => 1 - tokens.bit();
  }
  if (magic === 'P2' || magic === 'P3') {
    const tokens = new Tokens(bytes, at);
    return () => checkSample(tokens.number('sample'), maxValue);
  }
  const wide = maxValue > 255 ? 2 : 1;
  const rowBytes = Math.ceil(widthPx / 8);
  const wanted = magic === 'P4' ? rowBytes * header.heightPx : samples * wide;
  if (at + wanted > bytes.length) {
    throw unreadable(`it is truncated: ${bytes.length - at} of ${wanted} bytes of samples are there`);
  }
  if (magic === 'P4') {
    let x = -1;
    let row = at;
    return () => {
      if (++x === widthPx) {
        x = 0;
        row += rowBytes;
      }
      return 1 - ((bytes[row + (x >> 3)] >> (7 - (x & 7))) & 1);
    };
  }
  return () => {
    const value = wide === 2 ? (bytes[at] << 8) | bytes[at + 1] : bytes[at];
    at += wide;
    return checkSample(value, maxValue);
  };
}

function checkSample(value: number, maxValue: number): number {
  if (value > maxValue) throw unreadable(`it holds the sample ${value}, above its maximum ${maxValue}`);
  return value;
}

/** Numbers between white space and comments. */
class Tokens {
  constructor(
    private readonly bytes: Uint8Array,
    /** After the last token. */
    public at: number,
  ) {}

  number(what: string): number {
    this.skipSpace();
    const from = this.at;
    let value = 0;
    while (this.bytes[this.at] >= 48 && this.bytes[this.at] <= 57 && this.at - from < 10) {
      value = value * 10 + this.bytes[this.at++] - 48;
    }
    if (this.at === from) throw unreadable(this.missing(what));
    return value;
  }

  /** Bits of a `P1` may stand without space between them. */
  bit(): number {
    this.skipSpace();
    const value = this.bytes[this.at] - 48;
    if (value !== 0 && value !== 1) throw unreadable(this.missing('bit'));
    this.at++;
    return value;
  }

  private missing(what: string): string {
    return this.at >= this.bytes.length
      ? `it is truncated: a ${what} was expected at its end`
      : `a ${what} was expected at byte ${this.at}`;
  }

  private skipSpace(): void {
    for (;;) {
      const byte = this.bytes[this.at];
      if (byte === 35) {
        while (this.at < this.bytes.length && this.bytes[this.at] !== 10 && this.bytes[this.at] !== 13)
          this.at++;
      } else if (byte === 32 || (byte >= 9 && byte <= 13)) this.at++;
      else return;
    }
  }
}
