import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { EmbeddingMatrix, TextEmbedder } from '@hazure/contracts';

/** What CLIP's captions say around a name; `{}` stands for the label (after Radford et al. 2021, A.4). */
export const PROMPT_TEMPLATES: readonly string[] = [
  'a photo of a {}.',
  'a cropped photo of a {}.',
  'a close-up photo of the {}.',
  'a photo of one {}.',
];

/** The label in a template, character for character. */
export function fillTemplate(template: string, label: string): string {
  return template.split('{}').join(label);
}

/**
 * Embeddings of labels: the mean of the unit embeddings of all templates filled with the label, as a unit vector.
 * Kept in memory and, with a folder, on disk by the model's hash, the templates and the label, so that a model is
 * asked about a label once. A model without a hash is kept in memory only.
 */
export class LabelEmbeddings {
  private readonly known = new Map<string, Float32Array>();
  private written = 0;

  constructor(
    private readonly embedder: TextEmbedder,
    private readonly templates: readonly string[] = PROMPT_TEMPLATES,
    private readonly cacheFolder: string | null = null,
  ) {}

  /** `labels.length × dimensions`, unit rows. */
  async of(labels: readonly string[]): Promise<EmbeddingMatrix> {
    const missing: string[] = [];
    for (const label of new Set(labels)) {
      if (this.known.has(label)) continue;
      const cached = await this.read(label);
      if (cached === null) missing.push(label);
      else this.known.set(label, cached);
    }
    if (missing.length > 0) await this.compute(missing);
    const cols = this.embedder.dimensions;
    const data = new Float32Array(labels.length * cols);
    labels.forEach((label, row) => data.set(this.known.get(label) as Float32Array, row * cols));
    return { data, rows: labels.length, cols };
  }

  private async compute(labels: readonly string[]): Promise<void> {
    const { templates } = this;
    const texts = labels.flatMap((label) => templates.map((template) => fillTemplate(template, label)));
    const { data, cols } = await this.embedder.embed(texts);
    for (const [i, label] of labels.entries()) {
      const mean = new Float64Array(cols);
      for (let t = 0; t < templates.length; t++) {
        const row = (i * templates.length + t) * cols;
        for (let column = 0; column < cols; column++) mean[column] += data[row + column];
      }
      const norm = Math.hypot(...mean);
      const unit = Float32Array.from(mean, (value) => value / norm);
      this.known.set(label, unit);
      await this.write(label, unit);
    }
  }

  private path(label: string): string | null {
    const { sha256 } = this.embedder.info;
    if (this.cacheFolder === null || sha256 === null) return null;
    const key = createHash('sha256')
      .update(JSON.stringify([this.templates, label]))
      .digest('hex');
    return join(this.cacheFolder, sha256, `${key}.f32`);
  }

  private async read(label: string): Promise<Float32Array | null> {
    const path = this.path(label);
    if (path === null) return null;
    let bytes: Buffer;
    try {
      bytes = await readFile(path);
    } catch {
      return null; // the model answers instead
    }
    const row = new Float32Array(new Uint8Array(bytes).buffer, 0, Math.floor(bytes.length / 4));
    const norm = Math.hypot(...row);
    return row.length === this.embedder.dimensions && Math.abs(norm - 1) < 1e-3 ? row : null;
  }

  /** Losing a cache entry costs one more question to the model, so a full disk must not stop a run here. */
  private async write(label: string, row: Float32Array): Promise<void> {
    const path = this.path(label);
    if (path === null) return;
    this.written += 1;
    const temporary = `${path}.${process.pid}.${this.written}.tmp`;
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(temporary, new Uint8Array(row.buffer, row.byteOffset, row.byteLength));
      await rename(temporary, path);
    } catch {
      return;
    }
  }
}
