import { channelsLast, type PatchMaps } from '@hazure/anomaly-scoring';
import { ModelError, type EmbeddingMatrix, type ImageRegion, type ModelInfo } from '@hazure/contracts';
import {
  extraTokensOf,
  findSpatialMaps,
  modelFiles,
  withMapOutputs,
  type EmbedderDescription,
  type SpatialMap,
} from '@hazure/models';
import type { Engine, InferenceSession, SessionOptions, Tensor } from '@hazure/native-engine';
import { unitRows } from '@hazure/numerics';
import type { BatchPlan, BatchRunner } from './batches.js';
import { blankImages } from './batches.js';
import { shownRegion } from './masks.js';

/** What a network says of regions: a row of each, and feature maps of each layer. */
export interface EmbeddedMaps {
  /** As `Embedder.embed` gives them. */
  readonly rows: EmbeddingMatrix;
  /** One a layer, in the order of `maps`; all hold every region. */
  readonly layers: readonly PatchMaps[];
}

export interface MapEmbedderOptions {
  readonly session?: SessionOptions;
  readonly batches: BatchPlan;
  /** Where the copy of the model with its maps as outputs lies. */
  readonly cacheDir: string;
  /** Tensors to take; absent = found in the graph (`findSpatialMaps`). */
  readonly tensors?: readonly string[];
}

/** One region's answers. */
interface Answer {
  readonly row: Float32Array;
  readonly layers: readonly PatchMaps[];
}

/** An image network that gives its intermediate maps beside the embedding, in one inference. */
export class EngineMapEmbedder {
  private constructor(
    readonly info: ModelInfo,
    readonly maps: readonly SpatialMap[],
    private readonly model: EmbedderDescription,
    private readonly engine: Engine,
    private readonly session: InferenceSession,
    private batches: BatchRunner,
  ) {}

  /** @throws ModelError, DeviceError; `MODEL_UNSUPPORTED` where the network has no maps */
  static async load(
    engine: Engine,
    model: EmbedderDescription,
    { session: settings, batches, cacheDir, tensors }: MapEmbedderOptions,
  ): Promise<EngineMapEmbedder> {
    const maps = await findSpatialMaps(model.model.path, model.output, tensors);
    const files = await modelFiles(model.model.path);
    const path = await withMapOutputs({ files, sha256: model.model.sha256 }, maps, cacheDir);
    const session = await engine.loadSession(path, settings);
    const info: ModelInfo = {
      name: model.model.name,
      sha256: model.model.sha256,
      licence: model.licence,
      device: `${session.device} (${session.deviceReason})`,
    };
    const plain: BatchRunner = { run: async (items, batch) => [...(await batch(items))] };
    const embedder = new EngineMapEmbedder(info, maps, model, engine, session, plain);
    const { widthPx, heightPx } = model.preprocess;
    embedder.batches = await batches({
      device: session.device,
      streams: session.streams,
      tryItems: (count) =>
        embedder.answers(
          blankImages(count, widthPx, heightPx).map((image) => ({
            image: { ...image, ref: { id: 'blank', path: '' } } as ImageRegion['image'],
            box: null,
          })),
        ),
    });
    return embedder;
  }

  /**
   * All maps of all regions: `4·height·width·channels` bytes a layer and region, so a few dozen regions at a time.
   *
   * @throws ModelError `MODEL_INVALID` where an output is of another shape than a map's, or not of float32
   */
  async embedMaps(regions: readonly ImageRegion[]): Promise<EmbeddedMaps> {
    const answers = await this.batches.run(regions, (batch) => this.answers(batch));
    const cols = answers[0]?.row.length ?? this.model.dimensions ?? 0;
    const rows: EmbeddingMatrix = {
      data: new Float32Array(regions.length * cols),
      rows: regions.length,
      cols,
    };
    answers.forEach(({ row }, i) => rows.data.set(row, i * cols));
    const layers = (answers[0]?.layers ?? []).map((shape, layer): PatchMaps => {
      const length = shape.height * shape.width * shape.channels;
      const data = new Float32Array(regions.length * length);
      answers.forEach((answer, i) => data.set(answer.layers[layer].data, i * length));
      return { ...shape, count: regions.length, data };
    });
    return { rows: this.model.normalise && regions.length > 0 ? unitRows(rows) : rows, layers };
  }

  private async answers(regions: readonly ImageRegion[]): Promise<Answer[]> {
    const { fixedBatch } = this.model;
    if (fixedBatch === null) return this.run(regions);
    const answers: Answer[] = [];
    for (let from = 0; from < regions.length; from += fixedBatch) {
      const part = regions.slice(from, from + fixedBatch);
      // A short last batch is filled up; what comes of the filling is dropped.
      const full = [...part, ...new Array<ImageRegion>(fixedBatch - part.length).fill(part[0])];
      answers.push(...(await this.run(full)).slice(0, part.length));
    }
    return answers;
  }

  private async run(regions: readonly ImageRegion[]): Promise<Answer[]> {
    const { preprocess, layout, output } = this.model;
    const { heightPx, widthPx } = preprocess;
    const { data } = await this.engine.preprocess(regions.map(shownRegion), preprocess);
    const count = regions.length;
    const feed: Tensor =
      layout === 'nchw'
        ? { type: 'float32', dims: [count, 3, heightPx, widthPx], data }
        : {
            type: 'float32',
            dims: [count, heightPx, widthPx, 3],
            data: channelsLast(data, count, { height: heightPx, width: widthPx, channels: 3 }).data,
          };
    const outputs = await this.session.run({ [this.session.inputs[0].name]: feed });
    const vectors = this.floats(output, outputs[output], count);
    const cols = vectors.length / count;
    const layers = this.maps.map((map) => this.layerOf(map, outputs[map.tensor], count));
    return regions.map((_, i) => ({
      row: vectors.subarray(i * cols, (i + 1) * cols),
      layers: layers.map((layer) => {
        const length = layer.data.length / count;
        return { ...layer, count: 1, data: layer.data.subarray(i * length, (i + 1) * length) };
      }),
    }));
  }

  private layerOf({ tensor, kind }: SpatialMap, value: Tensor, count: number): PatchMaps {
    const data = this.floats(tensor, value, count);
    const { dims } = value;
    if (kind === 'grid' && dims.length === 4) {
      return channelsLast(data, count, { channels: dims[1], height: dims[2], width: dims[3] });
    }
    if (kind === 'tokens' && dims.length === 3) return patchTokens(data, dims);
    throw this.unfit(tensor, `a ${kind === 'grid' ? 'map [N, C, H, W]' : 'sequence [N, tokens, C]'}`, dims);
  }

  private floats(name: string, value: Tensor, count: number): Float32Array {
    if (value.data instanceof Float32Array && value.dims[0] === count) return value.data;
    throw this.unfit(name, `float32 values of ${count} regions`, [value.type, ...value.dims]);
  }

  private unfit(name: string, expected: string, got: readonly (string | number)[]): ModelError {
    return new ModelError(
      'MODEL_INVALID',
      `${this.info.name}: expected ${expected} in ${name}, got ${got.join(' × ')}`,
      { hint: 'Name another tensor, or use a float32 export of the model.' },
    );
  }

  close(): Promise<void> {
    return this.session.close();
  }
}

/** The tokens of the patches, as a square map. */
function patchTokens(data: Float32Array, [count, tokens, channels]: readonly number[]): PatchMaps {
  const extra = extraTokensOf(tokens);
  const cells = tokens - extra;
  const side = Math.sqrt(cells);
  const kept = new Float32Array(count * cells * channels);
  for (let i = 0; i < count; i++) {
    const from = (i * tokens + extra) * channels;
    kept.set(data.subarray(from, from + cells * channels), i * cells * channels);
  }
  return { data: kept, count, height: side, width: side, channels };
}
