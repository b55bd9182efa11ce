import type { EmbeddingMatrix, RunFolder } from '@hazure/contracts';

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
