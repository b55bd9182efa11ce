import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { OnnxNode, OnnxTensor, OnnxValue } from './model.js';
import { encodeGraphParts } from './write.js';

export interface GraphParts {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  readonly outputs: readonly OnnxValue[];
}

/**
 * Copies a model and adds nodes and outputs at the end of its graph, without decoding it. Protobuf defines that
 * two messages written one after the other read as one, repeated fields joined
 * (protobuf.dev/programming-guides/encoding, "Last One Wins"), so appending bytes is enough.
 *
 * Does nothing where `target` is there already: its name must tell what is in it.
 */
export async function appendToModel(source: string, target: string, parts: GraphParts): Promise<void> {
  if (await stat(target).catch(() => null)) return;
  await mkdir(dirname(target), { recursive: true });
  const partial = `${target}.${process.pid}.partial`;
  try {
    await pipeline(
      createReadStream(source, { highWaterMark: 1 << 20 }),
      async function* (chunks: AsyncIterable<Buffer>) {
        yield* chunks;
        yield encodeGraphParts(parts);
      },
      createWriteStream(partial),
    );
    await rename(partial, target);
  } finally {
    await rm(partial, { force: true });
  }
}
