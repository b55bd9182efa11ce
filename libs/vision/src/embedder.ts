import {
  BadItemsError,
  ModelError,
  type BadItem,
  type Embedder,
  type EmbeddingMatrix,
  type ImageRegion,
  type ModelInfo,
} from '@hazure/contracts';
import type { EmbedderDescription } from '@hazure/models';
import type { EmbedderEngine, Engine, SessionOptions } from '@hazure/native-engine';
import { NON_NUMBER_HINT, placeOf } from './bad-items.js';
import { shownRegion } from './masks.js';
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
      layout: model.layout,
      session: { ...options.session, modelSha256: model.model.sha256 },
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

  /** @throws BadItemsError where the model answers some regions with NaN or infinity; it names each */
  async embed(regions: readonly ImageRegion[]): Promise<EmbeddingMatrix> {
    const cols = this.dimensions;
    const rows = await this.batches.run(regions, (batch) => this.rowsOf(batch));
    const data = new Float32Array(regions.length * cols);
    rows.forEach((row, i) => data.set(row, i * cols));
    this.refuseNonNumbers(rows, regions);
    return { data, rows: regions.length, cols };
  }

  /**
   * One row a region. The engine refuses a batch as one: asked one by one, the regions say which of them are at fault,
   * and get a row of NaN here.
   */
  private async rowsOf(batch: readonly ImageRegion[]): Promise<Float32Array[]> {
    const cols = this.dimensions;
    try {
      const values = await this.engine.embed(batch.map(shownRegion));
      return batch.map((_, i) => values.subarray(i * cols, (i + 1) * cols));
    } catch (error) {
      if (!(error instanceof ModelError && error.code === 'MODEL_INVALID')) throw error;
      if (batch.length === 1) return [new Float32Array(cols).fill(NaN)];
      const rows: Float32Array[] = [];
      for (const region of batch) rows.push(...(await this.rowsOf([region])));
      return rows;
    }
  }

  private refuseNonNumbers(rows: readonly Float32Array[], regions: readonly ImageRegion[]): void {
    const items = rows.flatMap((row, index): BadItem[] => {
      if (row.every(Number.isFinite)) return [];
      const { image, box } = regions[index];
      const message = `${this.info.name} answered NaN or infinity for ${placeOf(image.ref.id, box)}`;
      return [{ index, imageId: image.ref.id, box, message }];
    });
    if (items.length === 0) return;
    const some = items.length === regions.length ? 'every one' : String(items.length);
    throw new BadItemsError(
      `The embedder ${this.info.name} answered NaN or infinity for ${some} of ${regions.length} objects, first ${placeOf(items[0].imageId, items[0].box)}`,
      items,
      regions.length,
      { hint: NON_NUMBER_HINT },
    );
  }

  close(): Promise<void> {
    return this.engine.close();
  }
}
