import { readFile, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  InputError,
  messageOf,
  type AttemptTimes,
  type PositionRange,
  type SetAside,
  type Shard,
  type ShardStore,
  type SourceStamp,
} from '@hazure/contracts';
import { makeFolder, unwritable, writeAtomic } from './atomic.js';
import { syncFolder } from './durable.js';
import { unreadable } from './read/artifact-errors.js';
import { readShardFile, writeShardFile } from './shard-file.js';
import { attemptTimesSchema } from './times.js';

const NAME = /^shard-(\d{10})-(\d{10})\.(?:jsonl|f32)$/;
const TIMES_FILE = '.times.json';
const pad = (position: number): string => String(position).padStart(10, '0');

/** Name of a shard's files, without `.f32` and `.jsonl`. */
export const shardName = ({ from, to }: PositionRange): string => `shard-${pad(from)}-${pad(to)}`;

/** What a store of shards asks of the folder around it. */
export interface ShardHooks {
  /** Called before a shard is written: whether this process may write, and what its records name is on disk. */
  readonly beforeCommit?: () => Promise<void>;
  /** Called when a shard is on disk and counts. */
  readonly afterCommit?: (shard: Shard) => Promise<void>;
  /** Whether a picture that a crop record names is there; a shard without one counts as damaged. */
  readonly hasPicture?: (file: string) => Promise<boolean>;
}

/** Shards in `<run>/.shards/`: `shard-<from>-<to>.f32` holds the embeddings, `….jsonl` the records. */
export class DirectoryShardStore implements ShardStore {
  private readonly ranges: PositionRange[] = [];
  private readonly aside: SetAside[] = [];
  private readonly stamps = new Map<number, readonly SourceStamp[]>();
  private times: AttemptTimes | null = null;

  private constructor(
    private readonly folder: string,
    private readonly hooks: ShardHooks,
  ) {}

  /**
   * Opens the shards of a run and reads each of them: what is damaged is set aside before anything else is done.
   * Only whoever may write the run opens it.
   */
  static async open(folder: string, hooks: ShardHooks = {}): Promise<DirectoryShardStore> {
    await makeFolder(folder);
    const store = new DirectoryShardStore(folder, hooks);
    const found = new Map<string, PositionRange>();
    for (const name of await readdir(folder)) {
      const match = NAME.exec(name);
      if (match) found.set(name.replace(/\.\w+$/, ''), { from: Number(match[1]), to: Number(match[2]) });
      else if (name.endsWith('.tmp') && !name.startsWith('.lease-'))
        await rm(join(folder, name), { force: true });
    }
    const inOrder = [...found.values()].sort((a, b) => a.from - b.from || b.to - a.to);
    for (const range of inOrder) await store.admit(range);
    store.times = await readFile(join(folder, TIMES_FILE), 'utf8')
      .then(
        (text) => attemptTimesSchema.parse(JSON.parse(text)),
        () => null,
      )
      .catch(() => null);
    return store;
  }

  private async admit(range: PositionRange): Promise<void> {
    const last = this.ranges.at(-1);
    const problem =
      last !== undefined && range.from < last.to
        ? `it overlaps the one from ${last.from} to ${last.to}`
        : await this.problemOf(range);
    if (problem === null) this.ranges.push(range);
    else this.aside.push(await this.moveAway(range, problem));
  }

  /** Why a shard can't be used; null for a sound one. */
  private async problemOf(range: PositionRange): Promise<string | null> {
    try {
      const shard = await readShardFile(this.base(range), range);
      const { hasPicture } = this.hooks;
      for (const { file } of hasPicture ? shard.crops : []) {
        if (file !== null && !(await hasPicture?.(file))) return `its picture ${file} is missing`;
      }
      this.stamps.set(range.from, shard.sources);
      return null;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return 'one of its two files is missing';
      // a disk that can't be read at this moment is no damage
      if (!(error instanceof InputError)) throw error;
      return messageOf(error);
    }
  }

  private async moveAway(range: PositionRange, reason: string): Promise<SetAside> {
    const base = this.base(range);
    for (let attempt = 0; ; attempt++) {
      const suffix = attempt === 0 ? '.damaged' : `.${attempt}.damaged`;
      const names = await readdir(this.folder);
      if (
        names.some(
          (name) =>
            name === `${shardName(range)}.jsonl${suffix}` || name === `${shardName(range)}.f32${suffix}`,
        )
      )
        continue;
      for (const kind of ['.jsonl', '.f32']) {
        await rename(base + kind, base + kind + suffix).catch((error: unknown) => {
          if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        });
      }
      await syncFolder(this.folder);
      return { ...range, path: `${base}.jsonl${suffix}`, reason };
    }
  }

  get finished(): readonly PositionRange[] {
    return this.ranges;
  }

  get damaged(): readonly SetAside[] {
    return this.aside;
  }

  get earlierTimes(): AttemptTimes | null {
    return this.times;
  }

  missing({ from, to }: PositionRange): PositionRange[] {
    const gaps: PositionRange[] = [];
    let at = from;
    for (const range of this.ranges) {
      if (range.from >= to) break;
      if (range.from > at) gaps.push({ from: at, to: range.from });
      at = Math.max(at, range.to);
    }
    if (at < to) gaps.push({ from: at, to });
    return gaps;
  }

  async write(shard: Shard): Promise<void> {
    const range = { from: shard.fromPosition, to: shard.toPosition };
    if (this.ranges.some(({ from, to }) => range.from < to && from < range.to))
      throw new RangeError(`${shardName(range)} overlaps a finished shard`);
    await this.hooks.beforeCommit?.();
    await writeShardFile(this.base(range), shard);
    const after = this.ranges.findIndex(({ from }) => from > range.from);
    this.ranges.splice(after < 0 ? this.ranges.length : after, 0, range);
    await this.hooks.afterCommit?.(shard);
  }

  async *read(): AsyncGenerator<Shard> {
    for (const range of this.ranges) {
      try {
        yield await readShardFile(this.base(range), range);
      } catch (cause) {
        const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
        if (!missing && !(cause instanceof InputError)) throw unreadable({ path: this.base(range) }, cause);
        throw new InputError(
          'SHARD_DAMAGED',
          `${this.base(range)}.jsonl was damaged while the run went on: ${messageOf(cause)}`,
          { cause, hint: 'Do the same with option resume: it is set aside and computed again.' },
        );
      }
    }
  }

  sourcesOf(range: PositionRange): readonly SourceStamp[] | null {
    return this.stamps.get(range.from) ?? null;
  }

  async setAside(range: PositionRange, reason: string): Promise<SetAside> {
    const index = this.ranges.findIndex(({ from, to }) => from === range.from && to === range.to);
    if (index < 0) throw new RangeError(`There is no ${shardName(range)}`);
    const moved = await this.moveAway(range, reason).catch((cause: unknown) => {
      throw unwritable(this.base(range), cause);
    });
    this.ranges.splice(index, 1);
    this.stamps.delete(range.from);
    return moved;
  }

  async saveTimes(times: AttemptTimes): Promise<void> {
    // times are no result: a power cut may cost those of the last shard
    await writeAtomic(join(this.folder, TIMES_FILE), JSON.stringify(times), {
      sync: false,
      makeFolder: false,
    });
  }

  private base(range: PositionRange): string {
    return join(this.folder, shardName(range));
  }
}
