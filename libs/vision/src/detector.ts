import {
  BadItemsError,
  ConfigError,
  ModelError,
  type BadItem,
  type DecodedImage,
  type Detection,
  type Detector,
  type ModelInfo,
} from '@hazure/contracts';
import type { DetectorDescription } from '@hazure/models';
import type {
  DetectOptions,
  DetectorEngine,
  DetectionRows,
  Engine,
  SessionOptions,
} from '@hazure/native-engine';
import { NON_NUMBER_HINT } from './bad-items.js';
import { encodeRunLengths } from './masks.js';
import { blankImages, type BatchPlan, type BatchRunner } from './batches.js';

const COLUMNS = 6;

export interface DetectorOptions {
  readonly confidence: number;
  readonly iou: number;
  readonly maxDetections: number;
  /** Class names or ids; absent = all. */
  readonly classes?: readonly string[];
  readonly session?: SessionOptions;
  readonly batches: BatchPlan;
}

/** A YOLO-, NanoDet- or DETR-style network run by the native engine. */
export class EngineDetector implements Detector {
  private constructor(
    readonly info: ModelInfo,
    readonly classNames: readonly string[],
    private readonly engine: DetectorEngine,
    private readonly options: DetectOptions,
    private readonly batches: BatchRunner,
    private readonly model: Pick<DetectorDescription, 'masks' | 'oneImageACall'>,
  ) {}

  /** @throws ModelError, DeviceError; ConfigError for a class that the model does not know */
  static async load(
    engine: Engine,
    model: DetectorDescription,
    options: DetectorOptions,
  ): Promise<EngineDetector> {
    const classIds = options.classes?.map((wanted) => classId(wanted, model.classNames));
    const loaded = await engine.loadDetector({
      modelPath: model.model.path,
      preprocess: model.preprocess,
      head: model.head,
      layout: model.layout,
      session: { ...options.session, modelSha256: model.model.sha256 },
    });
    const detect: DetectOptions = {
      confidence: options.confidence,
      iou: options.iou,
      maxDetections: options.maxDetections,
      ...(classIds ? { classIds } : {}),
    };
    const { widthPx, heightPx } = model.preprocess;
    const batches = await options.batches({
      ...loaded,
      tryItems: (count) => loaded.detect(blankImages(count, widthPx, heightPx), detect),
    });
    return new EngineDetector(
      {
        name: model.model.name,
        sha256: model.model.sha256,
        licence: model.licence,
        device: `${loaded.device} (${loaded.deviceReason})`,
      },
      model.classNames,
      loaded,
      detect,
      batches,
      model,
    );
  }

  /** @throws BadItemsError where the model answers some images with NaN or infinity; it names each */
  async detect(images: readonly DecodedImage[]): Promise<Detection[][]> {
    return this.batches.run(images, async (batch) => {
      try {
        return await this.detectBatch(batch);
      } catch (error) {
        throw await this.withBadImages(error, batch, images);
      }
    });
  }

  private async detectBatch(images: readonly DecodedImage[]): Promise<Detection[][]> {
    if (this.model.oneImageACall && images.length > 1) {
      const each: Detection[][] = [];
      for (const image of images) each.push(...(await this.detectBatch([image])));
      return each;
    }
    if (!this.model.masks) {
      const rows = await this.engine.detect(images, this.options);
      return rows.map((each) => this.toDetections(each));
    }
    const { rows, masks } = await this.engine.detectMasks(images, this.options);
    return rows.map((each, i) => {
      const { heightPx, widthPx } = images[i];
      return this.toDetections(each).map((detection, n) => ({
        ...detection,
        mask: encodeRunLengths(masks[i][n], heightPx, widthPx),
      }));
    });
  }

  /** A batch fails as one: asked one by one, the images say which of them are at fault. All of them: the model is. */
  private async withBadImages(
    error: unknown,
    batch: readonly DecodedImage[],
    call: readonly DecodedImage[],
  ): Promise<unknown> {
    if (!(error instanceof ModelError)) return error;
    const items: BadItem[] = [];
    for (const image of batch) {
      const failed = batch.length === 1 ? error : await this.failureOf(image);
      if (!failed) continue;
      items.push({ index: call.indexOf(image), imageId: image.ref.id, box: null, message: failed.message });
    }
    if (items.length === 0 || items.length === call.length) return error;
    const message = `The detector ${this.info.name} can't be read for ${items.length} of ${call.length} images, first ${items[0].imageId}: ${items[0].message}`;
    return new BadItemsError(message, items, call.length, {
      hint: error.hint ?? NON_NUMBER_HINT,
      cause: error,
    });
  }

  private async failureOf(image: DecodedImage): Promise<ModelError | null> {
    try {
      await this.engine.detect([image], this.options);
      return null;
    } catch (error) {
      if (error instanceof ModelError) return error;
      throw error;
    }
  }

  private toDetections(rows: DetectionRows): Detection[] {
    return Array.from({ length: rows.length / COLUMNS }, (_, i) => {
      const [x1, y1, x2, y2, confidence, id] = rows.subarray(i * COLUMNS, (i + 1) * COLUMNS);
      return {
        box: { x1, y1, x2, y2 },
        classId: id,
        className: this.classNames[id] ?? `class ${id}`,
        confidence,
      };
    });
  }

  close(): Promise<void> {
    return this.engine.close();
  }
}

function classId(wanted: string, names: readonly string[]): number {
  const byName = names.findIndex((name) => name.toLowerCase() === wanted.toLowerCase());
  if (byName >= 0) return byName;
  const id = Number(wanted);
  if (/^\d+$/.test(wanted) && id < names.length) return id;
  throw new ConfigError(`--classes: the detector knows no class "${wanted}"`, {
    hint: `It knows ${names.slice(0, 20).join(', ')}${names.length > 20 ? ` and ${names.length - 20} more` : ''}.`,
  });
}

/** Cuts every image into rows × cols tiles, each an object of its own; 1 × 1 judges whole images. */
export class TileDetector implements Detector {
  readonly wholeImages = true;
  readonly info: ModelInfo;
  readonly classNames: readonly string[];

  constructor(
    private readonly rows: number,
    private readonly cols: number,
  ) {
    const whole = rows === 1 && cols === 1;
    this.info = {
      name: whole ? 'none' : `grid:${rows}x${cols}`,
      sha256: null,
      licence: null,
      device: 'cpu (no model)',
    };
    this.classNames = [whole ? 'image' : 'tile'];
  }

  async detect(images: readonly DecodedImage[]): Promise<Detection[][]> {
    return images.map(({ widthPx, heightPx }) => {
      const detections: Detection[] = [];
      for (let row = 0; row < this.rows; row++) {
        for (let col = 0; col < this.cols; col++) {
          detections.push({
            box: {
              x1: Math.floor((col * widthPx) / this.cols),
              y1: Math.floor((row * heightPx) / this.rows),
              x2: Math.floor(((col + 1) * widthPx) / this.cols),
              y2: Math.floor(((row + 1) * heightPx) / this.rows),
            },
            classId: 0,
            className: this.classNames[0],
            confidence: 1,
          });
        }
      }
      return detections;
    });
  }

  async close(): Promise<void> {
    // holds nothing
  }
}

const MAX_TILES_PER_SIDE = 64;

/** `none` → whole images, `grid:2x3` → 2 rows of 3 tiles, anything else → null. @throws ConfigError for a bad grid */
export function tileDetector(name: string): TileDetector | null {
  if (name === 'none') return new TileDetector(1, 1);
  if (!name.startsWith('grid:')) return null;
  const match = /^grid:(\d+)x(\d+)$/i.exec(name);
  const [rows, cols] = [Number(match?.[1]), Number(match?.[2])];
  if (!(rows >= 1 && cols >= 1 && rows <= MAX_TILES_PER_SIDE && cols <= MAX_TILES_PER_SIDE)) {
    throw new ConfigError(
      `--detector ${name}: expected grid:RxC with 1 to ${MAX_TILES_PER_SIDE} rows and columns`,
    );
  }
  return new TileDetector(rows, cols);
}
