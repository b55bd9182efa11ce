import { open, readFile } from 'node:fs/promises';
import {
  ARTIFACTS,
  shardEndSchema,
  shardHeadSchema,
  shardLineSchema,
  type CropRecord,
  type FailureRecord,
  type ImageRecord,
  type PositionRange,
  type Shard,
  type ShardHead,
} from '@hazure/contracts';
import { z } from 'zod';
import { sha256Hex, unwritable } from './atomic.js';
import { renameDurably } from './durable.js';
import { damaged, otherVersion } from './read/artifact-errors.js';
import { parseLine } from './read/lines.js';
import { writeWholly } from './whole-io.js';

/**
 * Writes a shard as `<base>.f32`, then `<base>.jsonl`, which is the commit: when that has its name, both are on disk.
 * Its last line is a checksum of all lines before, its first one of the twin.
 * @throws InputError OUTPUT_UNWRITABLE
 */
export async function writeShardFile(base: string, shard: Shard): Promise<void> {
  const { data, rows, cols } = shard.embeddings;
  const embeddings = Buffer.from(data.buffer, data.byteOffset, rows * cols * 4);
  const head: ShardHead = {
    format: ARTIFACTS.shard.format,
    fromPosition: shard.fromPosition,
    toPosition: shard.toPosition,
    rows,
    cols,
    embeddingsSha256: sha256Hex(embeddings),
    sources: shard.sources.map(([bytes, modifiedMs]) => [bytes, modifiedMs]),
  };
  const lines = [
    head,
    ...shard.images.map((record) => ({ image: record })),
    ...shard.crops.map((record) => ({ crop: record })),
    ...shard.failures.map((record) => ({ failure: record })),
  ];
  const text = Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const end = Buffer.from(`${JSON.stringify({ end: { sha256: sha256Hex(text) } })}\n`);
  try {
    await writeSynced(`${base}.f32`, [embeddings]);
    await writeSynced(`${base}.jsonl`, [text, end]);
  } catch (cause) {
    throw unwritable(base, cause);
  }
}

async function writeSynced(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  const handle = await open(`${path}.tmp`, 'w');
  try {
    let position = 0;
    for (const piece of pieces) {
      await writeWholly(handle, piece, position);
      position += piece.byteLength;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  await renameDurably(`${path}.tmp`, path);
}

/**
 * Reads a shard and checks all of it: both checksums, its range against its name, and the number of its records.
 * @param base path of its files without `.f32` or `.jsonl`
 * @throws InputError ARTIFACT_INVALID, ARTIFACT_VERSION; the file system's errors as they are
 */
export async function readShardFile(base: string, range: PositionRange): Promise<Shard> {
  const path = `${base}.jsonl`;
  const [text, embeddings] = await Promise.all([readFile(path), readFile(`${base}.f32`)]);
  const lines = checkedLines(path, text);
  const head = readHead(path, lines[0]);
  const { rows, cols } = head;
  if (head.fromPosition !== range.from || head.toPosition !== range.to)
    throw damaged({ path, line: 1 }, `it covers ${head.fromPosition} to ${head.toPosition}`);
  if (embeddings.byteLength !== rows * cols * 4)
    throw damaged({ path }, `its embeddings have ${embeddings.byteLength} bytes, not ${rows * cols * 4}`);
  if (head.embeddingsSha256 !== sha256Hex(embeddings))
    throw damaged({ path }, 'its embeddings do not match their checksum');
  const images: ImageRecord[] = [];
  const crops: CropRecord[] = [];
  const failures: FailureRecord[] = [];
  for (let i = 1; i < lines.length; i++) {
    const record = parseLine(path, { number: i + 1, text: lines[i] }, shardLineSchema);
    if ('image' in record) images.push(record.image);
    else if ('crop' in record) crops.push(record.crop);
    else failures.push(record.failure);
  }
  if (crops.length !== rows)
    throw damaged({ path }, `it has ${crops.length} objects for ${rows} rows of embeddings`);
  const data = new Float32Array(rows * cols);
  new Uint8Array(data.buffer).set(embeddings);
  return {
    fromPosition: range.from,
    toPosition: range.to,
    images,
    crops,
    failures,
    embeddings: { data, rows, cols },
    sources: head.sources,
  };
}

/** All lines but the last, which must be the checksum of their bytes. */
function checkedLines(path: string, bytes: Buffer): string[] {
  const last = bytes.lastIndexOf(10, -2);
  if (bytes.at(-1) !== 10 || last < 0) throw damaged({ path }, 'it was cut');
  const body = bytes.subarray(0, last + 1);
  const lines = body.toString('utf8').split('\n').slice(0, -1);
  readFormat(path, lines[0]);
  const number = lines.length + 1;
  const { end } = parseLine(
    path,
    { number, text: bytes.toString('utf8', last + 1).trimEnd() },
    shardEndSchema,
  );
  if (end.sha256 !== sha256Hex(body)) throw damaged({ path }, 'its records do not match their checksum');
  return lines;
}

/** A shard of another version of hazure is none that was damaged. */
function readFormat(path: string, text: string): void {
  const { format } = parseLine(path, { number: 1, text }, z.looseObject({ format: z.string().optional() }));
  if (format !== ARTIFACTS.shard.format)
    throw otherVersion({ path, line: 1 }, ARTIFACTS.shard.format, format);
}

const readHead = (path: string, text: string): ShardHead =>
  parseLine(path, { number: 1, text }, shardHeadSchema);
