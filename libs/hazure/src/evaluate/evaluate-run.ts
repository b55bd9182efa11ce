import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { evaluateItems, type LevelEvaluation } from '@hazure/anomaly-scoring';
import { ConfigError, InputError, type ImageRecord, type ObjectResult } from '@hazure/contracts';
import type { PixelMetrics } from '@hazure/numerics';
import { RunReader } from '@hazure/run-store';
import { ImageIndex } from './image-index.js';
import { ImageSummary, Judgements } from './judgements.js';
import { MaskRegions, findMasks, readMask, type MaskFolder } from './masks.js';
import { readTruth, withoutExtension, type RunTruth, type Truth } from './truth.js';

/** What `evaluateRun` takes. */
export interface EvaluateRunOptions {
  /** A finished detection folder. */
  readonly run: string;
  /**
   * A CSV file with the columns `image` (or `crop`), `label` (1 = anomaly) and perhaps `category`, or
   * `folders:good=NAME[,NAME]`: an image in such a folder is normal, and any other folder names a kind of defect.
   */
  readonly truth?: string | undefined;
  /** A folder of masks, not 0 = anomalous; without `truth`, an image without a mask is normal. */
  readonly masks?: string | undefined;
  /** Of the bootstrap intervals; default 42. */
  readonly seed?: number | undefined;
}

/** How well a run's verdicts and scores agree with its truth. */
export interface RunEvaluation extends LevelEvaluation {
  /** Whose figures stand at the top: of images, or of objects where the truth names crops alone. */
  readonly level: 'image' | 'object';
  /** Name of the scorer that decided. */
  readonly default: string;
  /** Each null where the truth says nothing of it, or knows one kind only. */
  readonly perImage: LevelEvaluation | null;
  readonly perObject: LevelEvaluation | null;
  /** Anomalous regions of the masks that an outlier's box touches; null without masks. */
  readonly regions: { readonly total: number; readonly found: number } | null;
  /** null without masks, or without anomaly maps in the run. */
  readonly pixel: PixelMetrics | null;
  /** Images of the truth in which the run found no object: they rank below all others. */
  readonly withoutObjects: readonly string[];
  /** Images of the run without a truth. */
  readonly unknownImages: number;
  /** What was left out, and why. */
  readonly notes: readonly string[];
}

/** Name under which images are ranked by their own conformal p-value, high where it is low. */
const IMAGE_P_VALUE = 'imagePValue';
const MOST_NAMED = 100;

/**
 * Measures a finished detection against a truth: per image, per object, per kind of defect, with bootstrap intervals
 * and curves. Objects are read as a stream and kept as a few numbers each.
 *
 * @throws ConfigError without truth and masks; InputError for a run, a truth or masks that can't be read, names that
 *   could mean several images, or a truth that names nothing of the run or one kind only
 */
export async function evaluateRun(options: EvaluateRunOptions): Promise<RunEvaluation> {
  const { seed = 42 } = options;
  const run = await RunReader.open(options.run);
  const { inputFolder } = await run.detectionConfig();
  const known = await gatherTruth(run, inputFolder, options);
  const judged = await streamObjects(run, known);
  const perImage = level(judged.images, seed);
  const perObject = level(judged.objects, seed);
  const top = perImage ?? perObject;
  if (top === null) throw oneKind(judged, known);
  const notes = [...known.notes, ...judged.notes];
  if (options.masks !== undefined) notes.push(await whyNoPixels(run));
  return {
    ...top,
    level: perImage ? 'image' : 'object',
    default: (await run.resultsHead()).scorer,
    perImage,
    perObject,
    regions: known.masks ? judged.regions : null,
    pixel: null,
    withoutObjects: judged.withoutObjects,
    unknownImages: known.records.length - known.truth.images.size,
    notes,
  };
}

function level(judgements: Judgements, seed: number): LevelEvaluation | null {
  const items = judgements.items();
  return items && evaluateItems(items, { seed });
}

interface Known {
  readonly index: ImageIndex;
  /** By place in the index. */
  readonly records: readonly Pick<ImageRecord, 'widthPx' | 'heightPx' | 'objects' | 'verdict'>[];
  readonly truth: RunTruth;
  readonly masks: MaskFolder | null;
  readonly notes: readonly string[];
}

async function gatherTruth(run: RunReader, inputFolder: string, options: EvaluateRunOptions): Promise<Known> {
  const { truth: given, masks: folder } = options;
  if (given === undefined && folder === undefined) {
    throw new ConfigError('evaluating a run needs option truth or option masks');
  }
  const index = new ImageIndex(inputFolder);
  const stems = new ImageIndex(inputFolder, withoutExtension);
  const records: Known['records'][number][] = [];
  for await (const { imageId, widthPx, heightPx, objects, verdict } of run.images()) {
    index.add(imageId);
    if (folder !== undefined) stems.add(imageId);
    records.push({ widthPx, heightPx, objects, ...(verdict ? { verdict } : {}) });
  }
  const masks = folder === undefined ? null : await findMasks(folder, stems);
  const truth =
    given === undefined ? await truthOfMasks(masks as MaskFolder, records) : await readTruth(given, index);
  return { index, records, truth, masks, notes: [...truth.notes, ...(masks?.notes ?? [])] };
}

/** An image whose mask is not empty is anomalous, any other normal. */
async function truthOfMasks({ files }: MaskFolder, records: Known['records']): Promise<RunTruth> {
  const images = new Map<number, Truth>();
  for (const [at, record] of records.entries()) {
    const file = files.get(at);
    const label = file === undefined ? 0 : Number((await readMask(file, record)).anomalous > 0);
    images.set(at, { label: label as 0 | 1, category: undefined });
  }
  const without = records.length - files.size;
  const notes = without > 0 ? [`${without} images have no mask and count as normal`] : [];
  return { images, crops: new Map(), notes };
}

interface Judged {
  readonly images: Judgements;
  readonly objects: Judgements;
  readonly regions: { total: number; found: number };
  readonly withoutObjects: readonly string[];
  readonly notes: readonly string[];
}

async function streamObjects(run: RunReader, known: Known): Promise<Judged> {
  const { index, records, truth } = known;
  const images = new Judgements();
  const objects = new ObjectTruths(known);
  const withoutObjects: string[] = [];
  let empty = 0;
  const stream = run.objects();
  let next = await stream.next();
  // objects come in the order of the images
  for (const [at, record] of records.entries()) {
    const id = index.ids[at];
    const summary = new ImageSummary();
    await objects.open(at);
    for (; !next.done && next.value.imageId === id; next = await stream.next()) {
      summary.add(next.value);
      objects.add(next.value);
    }
    objects.close();
    const label = truth.images.get(at);
    if (!label) continue;
    if (record.objects === 0 && empty++ < MOST_NAMED) withoutObjects.push(id);
    const { verdict } = record;
    images.add(label, {
      scores: { ...summary.scores, ...(verdict ? { [IMAGE_P_VALUE]: -verdict.pValue } : {}) },
      outlier: verdict?.outlier ?? summary.outlier,
      featureOutlier: summary.featureOutlier,
    });
  }
  if (!next.done) {
    throw new InputError(
      'ARTIFACT_INVALID',
      `${run.folder}: the object ${next.value.cropId} is of an image that images.jsonl does not list there`,
      { hint: 'Restore the folder, or detect again.' },
    );
  }
  const more =
    empty > MOST_NAMED ? [`${empty} images of the truth have no object; ${MOST_NAMED} are named`] : [];
  return {
    images,
    objects: objects.judgements,
    regions: objects.regions,
    withoutObjects,
    notes: [...objects.finish(), ...more],
  };
}

/** Finds what each object is: named by the truth itself, or seen in the mask of its image. */
class ObjectTruths {
  readonly judgements = new Judgements();
  readonly regions = { total: 0, found: 0 };
  private readonly named = new Set<string>();
  private mask: MaskRegions | null = null;
  private touched = new Set<number>();
  private category: string | undefined;
  private normal = false;
  private undecided = 0;

  constructor(private readonly known: Known) {}

  /** Before the objects of an image. */
  async open(at: number): Promise<void> {
    const { masks, records, truth } = this.known;
    const file = masks?.files.get(at);
    const image = truth.images.get(at);
    this.mask = file === undefined ? null : new MaskRegions(await readMask(file, records[at]));
    this.touched = new Set();
    this.category = image?.category;
    this.normal = masks !== null && image?.label === 0;
  }

  add(object: ObjectResult): void {
    const { crops } = this.known.truth;
    const judged = {
      scores: object.verdict.feature.scores,
      outlier: object.verdict.outlier,
      featureOutlier: object.verdict.feature.outlier,
    };
    const own = crops.get(object.cropId);
    if (own) {
      this.named.add(object.cropId);
      this.judgements.add(own, judged);
      return;
    }
    if (crops.size > 0) return;
    if (this.mask) {
      const { truth, regions } = this.mask.judge(object.box, object);
      if (object.verdict.outlier) for (const region of regions) this.touched.add(region);
      if (truth === null) this.undecided++;
      else this.judgements.add({ label: truth, category: truth === 1 ? this.category : undefined }, judged);
    } else if (this.normal) this.judgements.add({ label: 0, category: undefined }, judged);
  }

  /** After the objects of an image. */
  close(): void {
    if (!this.mask) return;
    this.regions.total += this.mask.sizes.length;
    this.regions.found += this.touched.size;
  }

  /** @throws InputError when nothing of the truth is of this run */
  finish(): string[] {
    const { crops, images } = this.known.truth;
    const strangers = [...crops.keys()].filter((id) => !this.named.has(id));
    if (images.size === 0 && this.named.size === 0) {
      throw new InputError(
        'INPUT_INVALID',
        `truth: none of the ${crops.size} entries, such as "${strangers[0]}", is an image or a crop of the run`,
        { hint: 'Use paths of the images, or the cropId or imageId values of detection_results.json.' },
      );
    }
    const notes: string[] = [];
    if (strangers.length > 0) {
      const some = strangers.slice(0, 3).map((id) => `"${id}"`);
      notes.push(
        `${strangers.length} entries of the truth are no image or crop of the run, such as ${some.join(', ')}`,
      );
    }
    if (this.undecided > 0) {
      notes.push(`${this.undecided} objects hardly overlap an anomalous region and count as neither kind`);
    }
    return notes;
  }
}

function oneKind(judged: Judged, { truth }: Known): InputError {
  const labels = [...judged.images.labels, ...judged.objects.labels];
  const anomalies = labels.filter((label) => label === 1).length;
  return new InputError(
    'INPUT_INVALID',
    `truth: expected normal images (or crops) and anomalies, got ${labels.length - anomalies} and ${anomalies}` +
      (truth.images.size === 0 ? ' among the crops of the run that it names' : ''),
    { hint: 'Nothing can be ranked with one kind alone.' },
  );
}

/** Pixel metrics need a map an image. */
async function whyNoPixels(run: RunReader): Promise<string> {
  const file = 'anomaly_maps.npy';
  const there = await stat(join(run.folder, file)).then(
    () => true,
    () => false,
  );
  return there
    ? `${file} is not read yet, so pixel metrics are left out`
    : 'the run has no anomaly maps, so pixel metrics are left out';
}
