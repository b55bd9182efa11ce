import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { InputError, messageOf } from '@hazure/contracts';

/** A folder for temporary files, made when the first is asked for. */
export class Scratch {
  private folder: Promise<string> | null = null;
  private files = 0;

  constructor(private readonly env: NodeJS.ProcessEnv) {}

  async file(): Promise<string> {
    this.folder ??= mkdtemp(join(this.env['TMPDIR'] ?? tmpdir(), 'hazure-inputs-'));
    try {
      return join(await this.folder, String(this.files++));
    } catch (cause) {
      throw unwritable(cause);
    }
  }

  async remove(): Promise<void> {
    const { folder } = this;
    this.folder = null;
    if (folder) await rm(await folder, { recursive: true, force: true });
  }
}

function unwritable(cause: unknown): InputError {
  return new InputError('OUTPUT_UNWRITABLE', `Can't write a temporary file: ${messageOf(cause)}`, {
    cause,
    hint: 'Set TMPDIR to a folder with room.',
  });
}

async function* linesOf<T>(path: string, from = 0): AsyncGenerator<T> {
  const lines = createInterface({
    input: createReadStream(path, { start: from, encoding: 'utf8' }),
    crlfDelay: Infinity,
  });
  for await (const line of lines) yield JSON.parse(line) as T;
}

async function writeRun(path: string, records: readonly object[]): Promise<void> {
  const LINES_AT_ONCE = 10_000;
  try {
    const file = await open(path, 'w');
    try {
      for (let at = 0; at < records.length; at += LINES_AT_ONCE) {
        const part = records.slice(at, at + LINES_AT_ONCE);
        await file.writeFile(part.map((record) => JSON.stringify(record) + '\n').join(''));
      }
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw unwritable(cause);
  }
}

/** Records in the order they came; beyond so many in memory they go to temporary files. */
export class Bag<T extends object> {
  private held: T[] = [];
  private readonly runs: string[] = [];
  count = 0;

  constructor(
    private readonly scratch: Scratch,
    private readonly inMemory: number,
  ) {}

  async add(record: T): Promise<void> {
    this.held.push(record);
    this.count++;
    if (this.held.length >= this.inMemory) {
      const path = await this.scratch.file();
      await writeRun(path, this.held);
      this.runs.push(path);
      this.held = [];
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (const path of this.runs) yield* linesOf<T>(path);
    yield* this.held;
  }
}

/**
 * Sorts more records than memory holds: sorted runs in temporary files, merged. Equal records keep the order in which
 * they came.
 */
export async function* sorted<T extends object>(
  source: AsyncIterable<T>,
  compare: (a: T, b: T) => number,
  scratch: Scratch,
  inMemory: number,
): AsyncGenerator<T> {
  let held: T[] = [];
  const runs: string[] = [];
  for await (const record of source) {
    held.push(record);
    if (held.length < inMemory) continue;
    const path = await scratch.file();
    await writeRun(path, held.sort(compare));
    runs.push(path);
    held = [];
  }
  held.sort(compare);
  if (runs.length === 0) {
    yield* held;
    return;
  }
  const last = held;
  const heads: { readonly order: number; readonly rest: AsyncIterator<T>; value: T }[] = [];
  const streams: AsyncIterable<T>[] = [
    ...runs.map((path) => linesOf<T>(path)),
    (async function* () {
      yield* last;
    })(),
  ];
  for (const [order, stream] of streams.entries()) {
    const rest = stream[Symbol.asyncIterator]();
    const next = await rest.next();
    if (!next.done) heads.push({ order, rest, value: next.value });
  }
  while (heads.length > 0) {
    let least = 0;
    for (let i = 1; i < heads.length; i++) {
      const order = compare(heads[i].value, heads[least].value) || heads[i].order - heads[least].order;
      if (order < 0) least = i;
    }
    yield heads[least].value;
    const next = await heads[least].rest.next();
    if (next.done) heads.splice(least, 1);
    else heads[least].value = next.value;
  }
  for (const path of runs) await rm(path, { force: true });
}

/** A finished list that can be read from any position; in a temporary file when it is long. */
export class Listing<T extends object> {
  private constructor(
    private readonly held: readonly T[] | null,
    private readonly path: string,
    private readonly starts: readonly number[],
  ) {}

  static async of<T extends object>(
    source: AsyncIterable<T>,
    scratch: Scratch,
    inMemory: number,
  ): Promise<Listing<T>> {
    const held: T[] = [];
    const iterator = source[Symbol.asyncIterator]();
    while (held.length < inMemory) {
      const next = await iterator.next();
      if (next.done) return new Listing<T>(held, '', []);
      held.push(next.value);
    }
    const path = await scratch.file();
    const starts: number[] = [];
    const out = createWriteStream(path);
    const failed = once(out, 'error').then(([cause]) => {
      throw unwritable(cause);
    });
    failed.catch(() => undefined);
    let bytes = 0;
    let count = 0;
    const write = async (record: T): Promise<void> => {
      if (count++ % EVERY === 0) starts.push(bytes);
      const line = Buffer.from(JSON.stringify(record) + '\n');
      bytes += line.length;
      if (!out.write(line)) await Promise.race([once(out, 'drain'), failed]);
    };
    for (const record of held) await write(record);
    for (;;) {
      const next = await iterator.next();
      if (next.done) break;
      await write(next.value);
    }
    out.end();
    await Promise.race([once(out, 'finish'), failed]);
    return new Listing<T>(null, path, starts);
  }

  async *from(position: number): AsyncGenerator<T> {
    if (this.held) {
      for (let i = position; i < this.held.length; i++) yield this.held[i];
      return;
    }
    const block = Math.floor(position / EVERY);
    if (block >= this.starts.length) return;
    let left = position - block * EVERY;
    for await (const record of linesOf<T>(this.path, this.starts[block])) {
      if (left-- <= 0) yield record;
    }
  }
}

/** A start is remembered for every so many records. */
const EVERY = 1024;
