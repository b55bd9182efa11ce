import {
  ARTIFACTS,
  type CropRecord,
  type EmbeddingMatrix,
  type FailureRecord,
  type ImageRecord,
  type RunFolder,
} from '@hazure/contracts';
import { ClassTally } from './statistics.js';

/** Everything of the streaming part that later stages need at once: records and embeddings, no pixels. */
export interface Gathered {
  readonly crops: readonly CropRecord[];
  readonly embeddings: EmbeddingMatrix;
  readonly failures: readonly FailureRecord[];
  readonly tally: ClassTally;
  readonly images: readonly ImageRecord[];
}

/** Reads the shards back in order. */
export async function gatherShards(folder: RunFolder): Promise<Gathered> {
  const crops: CropRecord[] = [];
  const failures: FailureRecord[] = [];
  const parts: EmbeddingMatrix[] = [];
  const tally = new ClassTally();
  const images: ImageRecord[] = [];
  for await (const shard of folder.shards.read()) {
    for (const image of shard.images) {
      tally.addImage(image);
      images.push(image);
    }
    for (const crop of shard.crops) {
      tally.addCrop(crop);
      crops.push(crop);
    }
    failures.push(...shard.failures);
    if (shard.embeddings.rows > 0) parts.push(shard.embeddings);
  }
  return { crops, embeddings: stackEmbeddings(parts), failures, tally, images };
}

/** Rows of all parts under one another; no part gives a 0 × 0 matrix. */
export function stackEmbeddings(parts: readonly EmbeddingMatrix[]): EmbeddingMatrix {
  const cols = parts.find((part) => part.rows > 0)?.cols ?? parts[0]?.cols ?? 0;
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const data = new Float32Array(rows * cols);
  let offset = 0;
  for (const part of parts) {
    data.set(part.data.subarray(0, part.rows * cols), offset);
    offset += part.rows * cols;
  }
  return { data, rows, cols };
}

/** Writes one record a line. */
export async function writeJsonl(folder: RunFolder, name: string, records: readonly object[]): Promise<void> {
  const writer = await folder.openJsonl(name);
  for (const record of records) await writer.write(record);
  await writer.close();
}

/** Writes `failures.jsonl`; it is empty when every input was processed. */
export async function writeFailures(folder: RunFolder, failures: readonly FailureRecord[]): Promise<void> {
  await writeJsonl(folder, ARTIFACTS.failures.file, failures);
}
