import { mkdir, readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { ConfigError, InputError, InterruptedError, messageOf } from '@hazure/contracts';
import { RunReader } from '@hazure/run-store';
import { annotatedWriter } from './formats/annotated.js';
import { cocoWriter } from './formats/coco.js';
import { csvWriter } from './formats/csv.js';
import { fiftyOneWriter } from './formats/fiftyone.js';
import { labelMeWriter } from './formats/labelme.js';
import { yoloWriter } from './formats/yolo.js';
import type { ExportTarget, FormatWriter } from './format-writer.js';
import { classNamesOf, imagesOf } from './run-images.js';

const WRITERS = {
  coco: cocoWriter,
  yolo: yoloWriter,
  labelme: labelMeWriter,
  fiftyone: fiftyOneWriter,
  csv: csvWriter,
  annotated: annotatedWriter,
} satisfies Record<string, (target: ExportTarget) => Promise<FormatWriter>>;

export type ExportFormat = keyof typeof WRITERS;
export const EXPORT_FORMATS = Object.keys(WRITERS) as readonly ExportFormat[];

export interface ExportOptions {
  /** A finished baseline or detection folder. */
  readonly run: string;
  readonly to: ExportFormat;
  /** New or empty folder; default: beside the run, `<run>_<format>`. */
  readonly out?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExportResult {
  /** Absolute. */
  readonly out: string;
  readonly images: number;
  readonly objects: number;
  /** What was left out or changed, and why. */
  readonly notes: readonly string[];
}

/**
 * Writes a finished run in another tool's format. The run is read as a stream, one image in memory at a time.
 * @throws ConfigError for an unknown format; InputError for a run that can't be read, or an output folder that is not
 *   empty or can't be written; InterruptedError when stopped (what was written stays)
 */
export async function exportRun({
  run: folder,
  to,
  out: given,
  signal,
}: ExportOptions): Promise<ExportResult> {
  if (!Object.hasOwn(WRITERS, to)) {
    throw new ConfigError(`option to: "${String(to)}" is none of ${EXPORT_FORMATS.join(', ')}`);
  }
  const run = await RunReader.open(folder);
  const out = resolve(given ?? `${run.folder}_${to}`);
  const { inputFolder } = await run.config();
  const classNames = await classNamesOf(run);
  await emptyFolder(out);
  const writer = await WRITERS[to]({ run, out, inputFolder, classNames });
  let [images, objects] = [0, 0];
  for await (const image of imagesOf(run)) {
    if (signal?.aborted) throw new InterruptedError(`Interrupted after ${images} images`);
    await writer.add(image);
    images++;
    objects += image.objects.length;
  }
  return { out, images, objects, notes: await writer.close() };
}

async function emptyFolder(out: string): Promise<void> {
  const refuse = (why: string, cause?: unknown): InputError =>
    new InputError('OUTPUT_UNWRITABLE', `Can't export to ${out}: ${why}`, {
      cause,
      hint: 'Give option out a new or an empty folder.',
    });
  let names: string[];
  try {
    await mkdir(out, { recursive: true });
    names = await readdir(out);
  } catch (cause) {
    throw refuse(messageOf(cause), cause);
  }
  if (names.length > 0) throw refuse(`it holds ${names.length} files already`);
}
