import { readFile, realpath } from 'node:fs/promises';
import { basename, join, resolve, sep } from 'node:path';
import {
  ARTIFACTS,
  InputError,
  baselineMapSchema,
  classStatisticsSchema,
  combinedMapSchema,
  configSchema,
  cropRecordSchema,
  failureRecordSchema,
  imageRecordSchema,
  innerPath,
  inputsSchema,
  referenceSchema,
  statisticsSchema,
  timingSchema,
  type ArtifactKey,
  type BaselineConfig,
  type BaselineMapFile,
  type ClassStatisticsFile,
  type CombinedMapFile,
  type CropRecord,
  type DetectionConfig,
  type DetectionStatistics,
  type EmbeddingMatrix,
  type FailureRecord,
  type ImageRecord,
  type InputsFile,
  type ObjectResult,
  type ReferenceFile,
  type ResultsHead,
  type RunConfig,
  type RunManifest,
  type RunTiming,
} from '@hazure/contracts';
import type { z } from 'zod';
import { readManifest } from '../manifest.js';
import { readNpyRows, readNpyShape } from '../npy.js';
import { damaged, otherVersion, unreadable } from './artifact-errors.js';
import { readDocument, readText } from './documents.js';
import { readJsonLines } from './lines.js';
import { openResults } from './results.js';

/** `iso_model.json` of a baseline that judges per class. */
const FORESTS_BY_CLASS = 'hazure-per-class/1';

/**
 * The one reader of run folders. Everything in them is outside data: each file is parsed by its schema, a file of
 * another version or a damaged one is an error that names file, line and field, and no path leads out of the folder.
 * What grows with the images is read as a stream.
 *
 * Methods throw InputError ARTIFACT_MISSING, ARTIFACT_INVALID or ARTIFACT_VERSION.
 */
export class RunReader {
  private constructor(
    /** Absolute. */
    readonly folder: string,
    /** null while the run is being written. */
    readonly manifest: RunManifest | null,
  ) {}

  /** A finished run. @throws InputError BASELINE_INVALID for a folder that is none */
  static async open(folder: string): Promise<RunReader> {
    return new RunReader(resolve(folder), await readManifest(folder));
  }

  /** A run whose artifacts are written, but not yet its manifest. */
  static unfinished(folder: string): RunReader {
    return new RunReader(resolve(folder), null);
  }

  /** Final name of the run, also while it is still being written. */
  get name(): string {
    return basename(this.folder).replace(/\.partial$/, '');
  }

  async config(): Promise<RunConfig> {
    return this.document('config', configSchema);
  }

  /** @throws InputError ARTIFACT_INVALID for a detection run's */
  async baselineConfig(): Promise<BaselineConfig> {
    const config = await this.config();
    if (config.phase !== 'learn') throw this.wrongPhase('learn', config.phase);
    return config;
  }

  /** @throws InputError ARTIFACT_INVALID for a baseline's */
  async detectionConfig(): Promise<DetectionConfig> {
    const config = await this.config();
    if (config.phase !== 'detect') throw this.wrongPhase('detect', config.phase);
    return config;
  }

  inputs(): Promise<InputsFile> {
    return this.document('inputs', inputsSchema);
  }

  timing(): Promise<RunTiming> {
    return this.document('timing', timingSchema);
  }

  classStatistics(): Promise<ClassStatisticsFile> {
    return this.document('classStatistics', classStatisticsSchema);
  }

  statistics(): Promise<DetectionStatistics> {
    return this.document('statistics', statisticsSchema);
  }

  reference(): Promise<ReferenceFile> {
    return this.document('reference', referenceSchema);
  }

  /** Crops of the rows that scorers compare with, where they are not all of them. */
  referenceCrops(): AsyncGenerator<CropRecord> {
    return readJsonLines(this.path('referenceCrops'), cropRecordSchema);
  }

  baselineMap(): Promise<BaselineMapFile> {
    return this.document('baselineMap', baselineMapSchema);
  }

  combinedMap(): Promise<CombinedMapFile> {
    return this.document('combinedMap', combinedMapSchema);
  }

  /** A JSON artifact whose schema belongs to the room that writes it: scorers and their calibration, concepts. */
  async rawDocument(key: ArtifactKey): Promise<unknown> {
    const path = this.path(key);
    let value: unknown;
    try {
      value = JSON.parse(await readText(path));
    } catch (cause) {
      if (cause instanceof SyntaxError) throw damaged({ path }, `it is no JSON (${cause.message})`, cause);
      throw cause;
    }
    const format = (value as { format?: unknown } | null)?.format;
    const taken: readonly string[] =
      key === 'isolationForest' ? [ARTIFACTS[key].format, FORESTS_BY_CLASS] : [ARTIFACTS[key].format];
    if (typeof format !== 'string' || !taken.includes(format)) throw otherVersion({ path }, taken[0], format);
    return value;
  }

  images(): AsyncGenerator<ImageRecord> {
    return this.records('images', imageRecordSchema, 'images');
  }

  /** Row i of the embeddings belongs to crop i. */
  crops(): AsyncGenerator<CropRecord> {
    return this.records('crops', cropRecordSchema, 'objects');
  }

  failures(): AsyncGenerator<FailureRecord> {
    return this.records('failures', failureRecordSchema, 'failures');
  }

  /** Embeddings of the run, read row by row: row i belongs to crop (or object) i. */
  async features(): Promise<{
    readonly rows: number;
    readonly cols: number;
    /** @param ascending distinct rows */
    take(ascending: Int32Array): Promise<EmbeddingMatrix>;
  }> {
    const path = this.path('features');
    const failed = (cause: unknown): never => {
      throw unreadable({ path }, cause);
    };
    const { rows, cols } = await readNpyShape(path).catch(failed);
    const expected = this.manifest?.counts['objects'];
    if (expected !== undefined && rows !== expected)
      throw damaged({ path }, `it holds ${rows} rows where the manifest counts ${expected} objects`);
    return { rows, cols, take: (ascending) => readNpyRows(path, cols, ascending).catch(failed) };
  }

  /** What stands before the list of objects. */
  async resultsHead(): Promise<ResultsHead> {
    const { head, objects } = await openResults(this.path('results'));
    await objects.return(undefined);
    return head;
  }

  /** Every judged object, in order. */
  async *objects(): AsyncGenerator<ObjectResult> {
    const path = this.path('results');
    const { objects } = await openResults(path);
    yield* counted(path, objects, this.manifest?.counts['objects']);
  }

  /** Bytes of a picture or another file of the run; `path` is relative, as its records name it. */
  async bytes(path: string): Promise<Uint8Array> {
    const absolute = await this.inside(path);
    return readFile(absolute).catch((cause: unknown) => {
      throw unreadable({ path: absolute }, cause);
    });
  }

  /** Absolute path of a file that the run's records name; null where it is gone. */
  async file(path: string): Promise<string | null> {
    return this.inside(path).catch((error: unknown) => {
      if (error instanceof InputError && error.code === 'ARTIFACT_MISSING') return null;
      throw error;
    });
  }

  /** Where an artifact lies. */
  path(key: ArtifactKey): string {
    return join(this.folder, ARTIFACTS[key].file);
  }

  private document<T>(key: ArtifactKey, schema: z.ZodType<T>): Promise<T> {
    return readDocument(this.path(key), key, schema);
  }

  private records<T>(key: ArtifactKey, schema: z.ZodType<T>, count: string): AsyncGenerator<T> {
    const path = this.path(key);
    return counted(path, readJsonLines(path, schema), this.manifest?.counts[count]);
  }

  /** Refuses a path that leaves the folder by its text, or by a link. */
  private async inside(path: string): Promise<string> {
    const parsed = innerPath.safeParse(path);
    const absolute = join(this.folder, path);
    if (!parsed.success) throw damaged({ path: absolute }, `the path "${path}" leaves the run folder`);
    const [root, real] = await Promise.all([realpath(this.folder), realpath(absolute)]).catch(
      (cause: unknown) => {
        throw unreadable({ path: absolute }, cause);
      },
    );
    if (!real.startsWith(root + sep))
      throw damaged({ path: absolute }, `"${path}" is a link out of the run folder`);
    return real;
  }

  private wrongPhase(expected: string, got: string): Error {
    return damaged({ path: this.path('config') }, `phase: expected ${expected}, got ${got}`);
  }
}

/** Passes records on and refuses another number of them than the manifest has. */
async function* counted<T>(
  path: string,
  records: AsyncIterable<T>,
  expected: number | undefined,
): AsyncGenerator<T> {
  let count = 0;
  for await (const record of records) {
    count++;
    yield record;
  }
  if (expected !== undefined && count !== expected) {
    throw damaged({ path }, `it holds ${count} records where the manifest counts ${expected}`);
  }
}
