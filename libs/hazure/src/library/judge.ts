import {
  ConfigError,
  imageList,
  type CropRecord,
  type FailureRecord,
  type ImageList,
  type ImageRef,
  type Neighbour,
  type PhaseOptions,
  type Verdict,
} from '@hazure/contracts';
import { openInputs } from '@hazure/inputs';
import { judgeImages, type Baseline } from '@hazure/pipeline';
import { checkSamePrecision, openStoredBaseline } from '../compose/baseline.js';
import { composeStages, type ComposedStages } from '../compose/stages.js';
import { checkSameModels } from '../compose/same-models.js';
import type { Session } from '../session.js';
import { inputsOf, phaseOptionsOf, type DetectOptions, type ImageInputs } from './options.js';
import { interruptible, openSession } from './session.js';

/** An encoded image (JPEG, PNG, WebP …) in memory. */
export interface ImageBytes {
  /** What the answer calls it. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** One judged object. Boxes are pixels of the upright image; `x2`, `y2` exclusive. */
export interface JudgedObject extends Omit<CropRecord, 'caption' | 'file'> {
  readonly verdict: Verdict;
  /** Most similar normal crops, nearest first; only outliers carry them. */
  readonly nearestNormals: readonly Neighbour[];
}

/** One judged image, in the order asked. */
export interface JudgedImage {
  readonly imageId: string;
  /** 0 when the image could not be read. */
  readonly widthPx: number;
  readonly heightPx: number;
  readonly objects: readonly JudgedObject[];
  /** Whether one of its objects is an outlier. */
  readonly outlier: boolean;
  /** Why it, or a caption of it, could not be had; empty when all went well. */
  readonly failures: readonly FailureRecord[];
}

/** Options of a judge: what `detect` takes beside the images, less what only concerns run folders. */
export type OpenBaselineOptions = Omit<DetectOptions, 'images' | 'baseline'>;

/**
 * A baseline with its models loaded, for services: judges images without leaving files. Calls may overlap; images of
 * one call share batches.
 */
export class BaselineJudge {
  private closed = false;

  /** @internal made by `openBaseline` */
  constructor(
    private readonly baseline: Baseline,
    private readonly composed: ComposedStages,
    private readonly options: PhaseOptions,
    private readonly session: Session,
  ) {}

  /** Absolute path of the baseline. */
  get folder(): string {
    return this.baseline.folder;
  }

  /**
   * Judges images as they come out of the models, in order.
   *
   * @param images inputs as `detect` takes them, or encoded images in memory
   * @param signal stops after the batch in hand
   * @throws ConfigError after `close`; InputError for inputs that are not there; an image that can't be read is no
   *   error but an answer with its failure
   */
  async *judge(
    images: ImageInputs | ImageBytes | readonly ImageBytes[],
    signal: AbortSignal = this.session.signal,
  ): AsyncGenerator<JudgedImage> {
    if (this.closed) throw new ConfigError('The baseline was closed');
    const { words } = this.composed;
    if (!words) throw new TypeError('The judge was composed without words');
    const opened = await openImages(images, this.session, signal);
    try {
      yield* judgeImages({
        images: opened.list,
        stages: { ...this.composed.stages, captioner: words.captioner },
        streamOptions: this.composed.streamOptions,
        baseline: this.baseline,
        similarity: words.similarity,
        options: this.options,
        clock: this.session.clock,
        signal,
      });
    } finally {
      await opened.close();
    }
  }

  /** Frees models and memory. Safe to call twice. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await this.composed.close();
  }
}

/**
 * Opens a finished baseline and loads its models once, for many calls of `judge`.
 *
 * @param folder `baseline_…` as `learn` left it
 * @param options what should differ from what it was learned with
 * @throws InputError BASELINE_INVALID, ARTIFACT_…; ModelError, DeviceError; ConfigError for another embedder
 */
export function openBaseline(folder: string, options: OpenBaselineOptions = {}): Promise<BaselineJudge> {
  return interruptible(options, () => openJudge(folder, options));
}

async function openJudge(folder: string, options: OpenBaselineOptions): Promise<BaselineJudge> {
  const { session } = openSession(options);
  const stored = await openStoredBaseline(folder);
  const settings = phaseOptionsOf({ ...options, saveCrops: false }, 'detect', stored.inherited);
  checkSamePrecision(stored, settings);
  const composed = await composeStages(settings, session, {
    words: true,
    inherited: stored.inheritedModels(options),
  });
  try {
    checkSameModels(stored, composed, settings, session.logger);
    return new BaselineJudge(await stored.load(), composed, settings, session);
  } catch (error) {
    await composed.close();
    throw error;
  }
}

async function openImages(
  images: ImageInputs | ImageBytes | readonly ImageBytes[],
  { logger }: Session,
  signal: AbortSignal,
): Promise<{ readonly list: ImageList; close(): Promise<void> }> {
  const inMemory = bytesOf(images);
  if (inMemory) {
    return {
      list: imageList(inMemory.map((image, index) => memoryRef(image, index))),
      close: async () => undefined,
    };
  }
  const inputs = await openInputs(inputsOf(images as ImageInputs), { signal, logger });
  return {
    list: { length: inputs.total, from: (position) => inputs.images(position) },
    close: () => inputs.close(),
  };
}

function bytesOf(images: ImageInputs | ImageBytes | readonly ImageBytes[]): readonly ImageBytes[] | null {
  if (typeof images === 'string') return null;
  const list = Array.isArray(images) ? (images as readonly (string | ImageBytes)[]) : [images as ImageBytes];
  if (list.some((each) => typeof each === 'string')) return null;
  return list as readonly ImageBytes[];
}

function memoryRef({ id, bytes }: ImageBytes, index: number): ImageRef {
  return { index, id, path: id, bytes: bytes.byteLength, read: async () => bytes };
}
