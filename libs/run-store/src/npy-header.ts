/** First bytes of every .npy file (numpy.org/doc/stable/reference/generated/numpy.lib.format.html). */
export const MAGIC = '\x93NUMPY';

/** The dict literal at the head of a .npy file. */
export interface NpyHeader {
  /** As NumPy spells it, e.g. `<f4`; null for fields of a structured array. */
  readonly descr: string | null;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

type Literal = string | number | boolean | null | readonly Literal[] | { readonly [key: string]: Literal };

/** Reads the Python literals that NumPy writes: dicts, tuples, lists, strings, integers (also `3L`), True, False, None. */
class LiteralReader {
  private at = 0;
  private depth = 0;

  constructor(private readonly text: string) {}

  read(): Literal {
    const value = this.value();
    this.blanks();
    if (this.at < this.text.length) throw new SyntaxError('more follows the dict');
    return value;
  }

  private blanks(): void {
    while (/[\s\0]/.test(this.text[this.at] ?? 'x')) this.at += 1;
  }

  private take(pattern: RegExp): string | null {
    const sticky = new RegExp(pattern.source, 'y');
    sticky.lastIndex = this.at;
    const found = sticky.exec(this.text)?.[0] ?? null;
    if (found !== null) this.at += found.length;
    return found;
  }

  private value(): Literal {
    this.blanks();
    if (++this.depth > 32) throw new SyntaxError('it is nested too deeply');
    try {
      const open = this.text[this.at];
      if (open === '{') return this.dict();
      if (open === '(' || open === '[') return this.sequence(open === '(' ? ')' : ']');
      const quoted = this.take(/[bu]?'(?:\\.|[^'\\])*'|[bu]?"(?:\\.|[^"\\])*"/);
      if (quoted !== null) return quoted.replace(/^[bu]?["']|["']$/g, '');
      const number = this.take(/-?\d+L?/);
      if (number !== null) return Number(number.replace('L', ''));
      const word = this.take(/True|False|None/);
      if (word === null) throw new SyntaxError(`nothing that is known begins at character ${this.at}`);
      return word === 'None' ? null : word === 'True';
    } finally {
      this.depth -= 1;
    }
  }

  private sequence(close: string): Literal[] {
    const items: Literal[] = [];
    this.at += 1;
    for (;;) {
      this.blanks();
      if (this.text[this.at] === close) break;
      items.push(this.value());
      this.separator(close);
    }
    this.at += 1;
    return items;
  }

  private dict(): Record<string, Literal> {
    const entries: Record<string, Literal> = {};
    this.at += 1;
    for (;;) {
      this.blanks();
      if (this.text[this.at] === '}') break;
      const key = this.value();
      this.blanks();
      if (typeof key !== 'string' || this.take(/:/) === null) throw new SyntaxError('a key lacks its value');
      entries[key] = this.value();
      this.separator('}');
    }
    this.at += 1;
    return entries;
  }

  private separator(close: string): void {
    this.blanks();
    if (this.take(/,/) === null && this.text[this.at] !== close) {
      throw new SyntaxError(`a comma or ${close} is missing at character ${this.at}`);
    }
  }
}

/**
 * The header's three facts.
 *
 * @param text the dict literal
 * @throws SyntaxError saying what is wrong with it
 */
export function parseNpyHeader(text: string): NpyHeader {
  const dict = new LiteralReader(text).read();
  if (typeof dict !== 'object' || dict === null || Array.isArray(dict))
    throw new SyntaxError('it is no dict');
  const { descr, fortran_order: fortranOrder, shape } = dict as Record<string, Literal | undefined>;
  if (descr === undefined || fortranOrder === undefined || shape === undefined) {
    throw new SyntaxError('it lacks descr, fortran_order or shape');
  }
  if (typeof fortranOrder !== 'boolean') throw new SyntaxError('fortran_order is neither True nor False');
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size) && (size as number) >= 0)) {
    throw new SyntaxError('shape is no tuple of sizes');
  }
  if (typeof descr !== 'string' && !Array.isArray(descr)) throw new SyntaxError('descr is no dtype');
  return { descr: typeof descr === 'string' ? descr : null, fortranOrder, shape: shape as number[] };
}
