import { readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ARTIFACTS,
  InputError,
  shardHeadSchema,
  shardLineSchema,
  type CropRecord,
  type FailureRecord,
  type ImageRecord,
  type Shard,
  type ShardHead,
  type ShardStore,
} from '@hazure/contracts';
import { z } from 'zod';
import { makeFolder, sha256Hex, unwritable } from './atomic.js';
import { otherVersion } from './read/artifact-errors.js';
import { parseLine, readLines } from './read/lines.js';

const NAME = /^shard-(\d{10})-(\d{10})\.jsonl$/;
const pad = (position: number): string => String(position).padStart(10, '0');

/**
 * Shards in `<run>/.shards/`: `shard-<from>-<to>.f32` holds the embeddings, `….jsonl` the records. The jsonl is
 * renamed into place last, so that it is the commit; its head line carries the checksum of its twin.
 */
export class DirectoryShardStore implements ShardStore {
  private constructor(
    private readonly folder: string,
    private readonly finished: { readonly from: number; readonly to: number }[],
  ) {}

  static async open(folder: string): Promise<DirectoryShardStore> {
    await makeFolder(folder);
    const ranges: { from: number; to: number }[] = [];
    for (const name of (await readdir(folder)).sort()) {
      const match = NAME.exec(name);
      if (match) ranges.push({ from: Number(match[1]), to: Number(match[2]) });
      else if (name.endsWith('.tmp')) await rm(join(folder, name), { force: true });
    }
    // only an unbroken chain from 0 counts
    const chain: { from: number; to: number }[] = [];
    for (const range of ranges) {
      if (range.from === (chain.at(-1)?.to ?? 0)) chain.push(range);
    }
    return new DirectoryShardStore(folder, chain);
  }

  get nextPosition(): number {
    return this.finished.at(-1)?.to ?? 0;
  }

  async write(shard: Shard): Promise<void> {
    const base = join(this.folder, `shard-${pad(shard.fromPosition)}-${pad(shard.toPosition)}`);
    const { data, rows, cols } = shard.embeddings;
    const embeddings = Buffer.from(data.buffer, data.byteOffset, rows * cols * 4);
    const head: ShardHead = {
      format: ARTIFACTS.shard.format,
      fromPosition: shard.fromPosition,
      toPosition: shard.toPosition,
      rows,
      cols,
      embeddingsSha256: sha256Hex(embeddings),
    };
    const lines = [
      head,
      ...shard.images.map((record) => ({ image: record })),
      ...shard.crops.map((record) => ({ crop: record })),
      ...shard.failures.map((record) => ({ failure: record })),
    ];
    try {
      await writeFile(`${base}.f32.tmp`, embeddings);
      await rename(`${base}.f32.tmp`, `${base}.f32`);
      await writeFile(`${base}.jsonl.tmp`, lines.map((line) => JSON.stringify(line) + '\n').join(''));
      await rename(`${base}.jsonl.tmp`, `${base}.jsonl`);
    } catch (cause) {
      throw unwritable(base, cause);
    }
    this.finished.push({ from: shard.fromPosition, to: shard.toPosition });
  }

  async *read(): AsyncGenerator<Shard> {
    for (const { from, to } of this.finished) yield await this.readOne(from, to);
  }

  private async readOne(from: number, to: number): Promise<Shard> {
    const base = join(this.folder, `shard-${pad(from)}-${pad(to)}`);
    const bytes = await readFile(`${base}.f32`);
    const path = `${base}.jsonl`;
    let head: ShardHead | null = null;
    const images: ImageRecord[] = [];
    const crops: CropRecord[] = [];
    const failures: FailureRecord[] = [];
    for await (const line of readLines(path)) {
      if (head === null) {
        head = readHead(path, line.text);
        continue;
      }
      const record = parseLine(path, line, shardLineSchema);
      if ('image' in record) images.push(record.image);
      else if ('crop' in record) crops.push(record.crop);
      else failures.push(record.failure);
    }
    if (!head || head.embeddingsSha256 !== sha256Hex(bytes) || crops.length !== head.rows) {
      throw new InputError('INPUT_INVALID', `The intermediate ${base}.jsonl is damaged`, {
        hint: 'Start the run again without --resume.',
      });
    }
    const data = new Float32Array(head.rows * head.cols);
    new Uint8Array(data.buffer).set(bytes);
    return {
      fromPosition: head.fromPosition,
      toPosition: head.toPosition,
      images,
      crops,
      failures,
      embeddings: { data, rows: head.rows, cols: head.cols },
    };
  }
}

function readHead(path: string, text: string): ShardHead {
  const line = { number: 1, text };
  const { format } = parseLine(path, line, z.looseObject({ format: z.string().optional() }));
  if (format !== ARTIFACTS.shard.format)
    throw otherVersion({ path, line: 1 }, ARTIFACTS.shard.format, format);
  return parseLine(path, line, shardHeadSchema);
}
