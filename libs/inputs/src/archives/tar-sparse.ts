import type { Cursor } from '../resource.js';

/** Where the stored bytes of a sparse file belong; between the pieces it is zero. */
export interface SparseMap {
  readonly size: number;
  readonly pieces: readonly (readonly [offset: number, bytes: number])[];
}

const BLOCK = 512;

const octal = (block: Buffer, at: number): number =>
  (block[at] & 0x80) !== 0
    ? Number(block.readBigUInt64BE(at + 4))
    : parseInt(block.toString('latin1', at, at + 12).replace(/[\0 ].*$/, '') || '0', 8);

/** The old GNU form: four pieces in the header, 21 in each block after it. */
export async function readGnuSparse(header: Buffer, cursor: Cursor): Promise<SparseMap> {
  const pieces: [number, number][] = [];
  const collect = (block: Buffer, at: number, count: number): void => {
    for (let i = 0; i < count && block[at + 24 * i] !== 0; i++) {
      const piece: [number, number] = [octal(block, at + 24 * i), octal(block, at + 24 * i + 12)];
      if (piece[1] > 0) pieces.push(piece);
    }
  };
  collect(header, 386, 4);
  for (let more = header[482] !== 0; more;) {
    const block = await cursor.take(BLOCK);
    if (block.length < BLOCK) break;
    collect(block, 0, 21);
    more = block[504] !== 0;
  }
  return { size: octal(header, 483), pieces };
}

/** The pax forms 0.0, 0.1 and 1.0; the last keeps its map before the bytes, as lines of numbers. */
export async function readPaxSparse(
  records: ReadonlyMap<string, string>,
  cursor: Cursor,
): Promise<SparseMap> {
  const size = Number(records.get('GNU.sparse.realsize') ?? records.get('GNU.sparse.size') ?? 0);
  const map = records.get('GNU.sparse.map');
  if (map !== undefined) return { size, pieces: pairs(map.split(',').map(Number)) };
  const offsets = records.get('GNU.sparse.offset')?.split(',').map(Number);
  const lengths = records.get('GNU.sparse.numbytes')?.split(',').map(Number);
  if (offsets && lengths)
    return { size, pieces: offsets.map((offset, i): [number, number] => [offset, lengths[i] ?? 0]) };
  let lines = '';
  for (;;) {
    const block = await cursor.take(BLOCK);
    lines += block.toString('latin1');
    const numbers = lines.split('\n');
    const count = Number(numbers[0]);
    if (block.length < BLOCK || numbers.length > 2 * count + 1) {
      return { size, pieces: pairs(numbers.slice(1, 2 * count + 1).map(Number)) };
    }
  }
}

function pairs(numbers: readonly number[]): [number, number][] {
  const pieces: [number, number][] = [];
  for (let i = 0; i + 1 < numbers.length; i += 2) pieces.push([numbers[i], numbers[i + 1]]);
  return pieces.filter(([, bytes]) => bytes > 0);
}

/** The whole file of its stored bytes. */
export function spread(stored: Buffer, { size, pieces }: SparseMap): Buffer {
  const whole = Buffer.alloc(size);
  let from = 0;
  for (const [offset, bytes] of pieces) {
    stored.copy(whole, offset, from, from + bytes);
    from += bytes;
  }
  return whole;
}
