/** Class names that a text does not give: what is wrong with it. */
export class NamesError extends Error {}

type Literal = string | number | boolean | null | Literal[] | Map<string | number, Literal>;

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\n': '',
};

/**
 * Class names as exporters write them, read as Python's `ast.literal_eval` reads them: `{0: 'person', 1: "driver's
 * seat"}`, `['person', …]`, `('person', …)`, or the same as JSON; numbers stand for their own text. Ids must be whole
 * and without gaps, from 0 or from 1, in any order.
 *
 * @returns names in class order, and whether the text counts from 1
 * @throws NamesError that says what stands in the text's way; never another list in its place
 */
export function parseClassNames(text: string): { names: string[]; firstId: 0 | 1 } {
  const value = new LiteralReader(text).read();
  if (value instanceof Map) return fromPairs([...value]);
  if (Array.isArray(value)) return { names: value.map((name, id) => nameOf(name, id)), firstId: 0 };
  throw new NamesError('it is neither a list nor a dictionary of names');
}

function fromPairs(pairs: readonly (readonly [string | number, Literal])[]): {
  names: string[];
  firstId: 0 | 1;
} {
  const byId = new Map<number, string>();
  for (const [key, name] of pairs) {
    const id = typeof key === 'number' ? key : /^\d+$/.test(key.trim()) ? Number(key) : NaN;
    if (!Number.isInteger(id)) throw new NamesError(`its key ${JSON.stringify(key)} is no class id`);
    byId.set(id, nameOf(name, id));
  }
  if (byId.size === 0) throw new NamesError('it is empty');
  const firstId = byId.has(0) ? 0 : 1;
  const names = Array.from({ length: byId.size }, (_, i) => byId.get(firstId + i));
  const missing = names.indexOf(undefined);
  if (missing >= 0) {
    throw new NamesError(
      `its ids should be ${firstId} to ${firstId + byId.size - 1}, but ${firstId + missing} is missing`,
    );
  }
  return { names: names as string[], firstId };
}

function nameOf(value: Literal, id: number): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new NamesError(`class ${id} has no name, but ${value === null ? 'nothing' : 'a list'}`);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The literals of Python and JSON: strings, numbers, True/False/None, lists, tuples, dictionaries. */
class LiteralReader {
  #at = 0;
  readonly #json: boolean;

  constructor(private readonly text: string) {
    this.#json = isJson(text);
  }

  read(): Literal {
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.text.length) throw this.#wrong('something after its end');
    return value;
  }

  #value(depth: number): Literal {
    if (depth > 8) throw new NamesError('it is nested too deep');
    this.#space();
    const char = this.text[this.#at] ?? '';
    if (char === '{') return this.#dictionary(depth);
    if (char === '[') return this.#list(']', depth);
    if (char === '(') return this.#list(')', depth);
    const string = /^(?:[rRuUbB]{0,2})(?=['"])/.exec(this.text.slice(this.#at, this.#at + 3));
    if (string) return this.#strings();
    const number = /^[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/.exec(
      this.text.slice(this.#at, this.#at + 64),
    );
    if (number) {
      this.#at += number[0].length;
      return Number(number[0].replaceAll('_', ''));
    }
    const word = /^(?:True|False|None|true|false|null)\b/.exec(this.text.slice(this.#at, this.#at + 8));
    if (!word) throw this.#wrong('no name, number, list or dictionary');
    this.#at += word[0].length;
    const lower = word[0].toLowerCase();
    // As Python writes them: a class may be called by what an exporter took for a truth value.
    return lower === 'true' ? 'True' : lower === 'false' ? 'False' : null;
  }

  #dictionary(depth: number): Map<string | number, Literal> {
    const pairs = new Map<string | number, Literal>();
    this.#at++;
    while (!this.#closes('}')) {
      const key = this.#value(depth + 1);
      if (typeof key !== 'string' && typeof key !== 'number') throw this.#wrong('a key that is no id');
      this.#space();
      if (this.text[this.#at] !== ':') throw this.#wrong("no ':' after a key");
      this.#at++;
      if (pairs.has(key)) throw new NamesError(`it names class ${key} twice`);
      pairs.set(key, this.#value(depth + 1));
      this.#separator('}');
    }
    return pairs;
  }

  #list(end: ']' | ')', depth: number): Literal[] {
    const items: Literal[] = [];
    this.#at++;
    while (!this.#closes(end)) {
      items.push(this.#value(depth + 1));
      this.#separator(end);
    }
    if (items.length === 0) throw new NamesError('it is empty');
    return items;
  }

  #closes(end: string): boolean {
    this.#space();
    if (this.text[this.#at] !== end) return false;
    this.#at++;
    return true;
  }

  #separator(end: string): void {
    this.#space();
    if (this.text[this.#at] === ',') this.#at++;
    else if (this.text[this.#at] !== end) throw this.#wrong(`neither ',' nor '${end}'`);
  }

  /** Neighbouring strings are one, as in Python. */
  #strings(): string {
    let joined = '';
    for (;;) {
      const prefix = /^[rRuUbB]{0,2}(?=['"])/.exec(this.text.slice(this.#at, this.#at + 3));
      if (!prefix) return joined;
      this.#at += prefix[0].length;
      joined += this.#string(/r/i.test(prefix[0]));
      const before = this.#at;
      this.#space();
      if (!/^[rRuUbB]{0,2}['"]/.test(this.text.slice(this.#at, this.#at + 3))) this.#at = before;
    }
  }

  #string(raw: boolean): string {
    const quote = this.text[this.#at]!;
    const triple = quote.repeat(3);
    const end = this.text.startsWith(triple, this.#at) ? triple : quote;
    this.#at += end.length;
    let value = '';
    while (!this.text.startsWith(end, this.#at)) {
      const char = this.text[this.#at];
      if (char === undefined) throw this.#wrong('a name without its closing quote');
      if (char !== '\\') {
        value += char;
        this.#at++;
      } else if (raw) {
        value += this.text.slice(this.#at, this.#at + 2);
        this.#at += 2;
      } else value += this.#escape();
    }
    this.#at += end.length;
    return value;
  }

  #escape(): string {
    const rest = this.text.slice(this.#at + 1, this.#at + 11);
    const hex = /^(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(rest);
    if (hex) {
      this.#at += 1 + hex[0].length;
      const code = parseInt(hex[1] ?? hex[2] ?? hex[3]!, 16);
      if (code > 0x10ffff) throw this.#wrong(`no character ${hex[0]}`);
      // Two surrogates of JSON side by side become one character of themselves.
      return hex[2] ? String.fromCharCode(code) : String.fromCodePoint(code);
    }
    const octal = /^[0-7]{1,3}/.exec(rest);
    if (octal) {
      this.#at += 1 + octal[0].length;
      return String.fromCharCode(parseInt(octal[0], 8));
    }
    const char = rest[0] ?? '';
    if (/^[xuUN]/.test(char)) throw this.#wrong(`an escape \\${char} that is not finished`);
    this.#at += 2;
    if (char === '/' && this.#json) return char;
    // Python keeps a backslash before anything else.
    return SIMPLE_ESCAPES[char] ?? `\\${char}`;
  }

  #space(): void {
    while (/\s/.test(this.text[this.#at] ?? '')) this.#at++;
  }

  #wrong(what: string): NamesError {
    const near = this.text.slice(Math.max(0, this.#at - 12), this.#at + 12);
    return new NamesError(`at character ${this.#at} (near ${JSON.stringify(near)}) stands ${what}`);
  }
}
