/**
 * Binary search over a file of byte-sorted lines held in one Buffer, as WordNet's index files are: nothing is
 * parsed at load time, and a look-up reads some twenty lines.
 */

const NEWLINE = 0x0a;

function lineStart(buffer: Buffer, position: number): number {
  return position === 0 ? 0 : buffer.lastIndexOf(NEWLINE, position - 1) + 1;
}

function lineEnd(buffer: Buffer, start: number): number {
  const end = buffer.indexOf(NEWLINE, start);
  return end < 0 ? buffer.length : end;
}

/** Byte offset of the first line that is not below `key` (bytewise). */
function lowerBound(buffer: Buffer, key: Buffer): number {
  let low = 0;
  let high = buffer.length;
  while (low < high) {
    const start = lineStart(buffer, (low + high) >>> 1);
    const end = lineEnd(buffer, start);
    if (buffer.compare(key, 0, key.length, start, Math.min(end, start + key.length)) < 0) low = end + 1;
    else high = start;
  }
  return low;
}

/** Every line (without its newline) that begins with `prefix`, in file order. */
export function linesStartingWith(buffer: Buffer, prefix: string): string[] {
  const key = Buffer.from(prefix, 'utf8');
  const lines: string[] = [];
  let start = lowerBound(buffer, key);
  while (start < buffer.length) {
    const end = lineEnd(buffer, start);
    if (end - start < key.length || buffer.compare(key, 0, key.length, start, start + key.length) !== 0)
      break;
    lines.push(buffer.toString('utf8', start, end));
    start = end + 1;
  }
  return lines;
}
