import type { Embedder, EmbeddingMatrix, ImageRegion, ModelInfo } from '@hazure/contracts';
import type { EmbedderDescription } from '@hazure/models';
import type { EmbedderEngine, Engine, SessionOptions } from '@hazure/native-engine';
import { blankImages, type BatchPlan, type BatchRunner } from './batches.js';

/** An image network run by the native engine on regions cut straight from decoded images. */
export class EngineEmbedder implements Embedder {
  private constructor(
    readonly info: ModelInfo,
    private readonly engine: EmbedderEngine,
    private readonly batches: BatchRunner,
  ) {}

  /** @throws ModelError, DeviceError */
  static async load(
    engine: Engine,
    model: EmbedderDescription,
    options: { readonly session?: SessionOptions; readonly batches: BatchPlan },
  ): Promise<EngineEmbedder> {
    const loaded = await engine.loadEmbedder({
      modelPath: model.model.path,
      preprocess: model.preprocess,
      output: model.output,
      normalise: model.normalise,
      ...(options.session ? { session: options.session } : {}),
    });
    const { widthPx, heightPx } = model.preprocess;
    const batches = await options.batches({
      ...loaded,
      tryItems: (count) =>
        loaded.embed(blankImages(count, widthPx, heightPx).map((image) => ({ image, box: null }))),
    });
    return new EngineEmbedder(
      {
        name: model.model.name,
        sha256: model.model.sha256,
        licence: model.licence,
        device: `${loaded.device} (${loaded.deviceReason})`,
      },
      loaded,
      batches,
    );
  }

  get dimensions(): number {
    return this.engine.dimensions;
  }

  async embed(regions: readonly ImageRegion[]): Promise<EmbeddingMatrix> {
    const cols = this.dimensions;
    const rows = await this.batches.run(regions, async (batch) => {
      const values = await this.engine.embed(batch);
      return batch.map((_, i) => values.subarray(i * cols, (i + 1) * cols));
    });
    const data = new Float32Array(regions.length * cols);
    rows.forEach((row, i) => data.set(row, i * cols));
    return { data, rows: regions.length, cols };
  }

  close(): Promise<void> {
    return this.engine.close();
  }
}
