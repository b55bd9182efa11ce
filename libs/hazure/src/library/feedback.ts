import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parse as parseCsv } from 'csv-parse/sync';
import {
  ARTIFACTS,
  ConfigError,
  InputError,
  messageOf,
  parsePhaseOptions,
  type ObjectResult,
  type PhaseOptions,
} from '@hazure/contracts';
import { JoinedRows, StageTimes, finishBaseline, readAccepted, readFinished } from '@hazure/pipeline';
import { ReportPresenter } from '@hazure/report';
import { RunReader, sha256Hex, verifyArtifacts } from '@hazure/run-store';
import { composeAccelerator } from '../compose/accelerator.js';
import {
  finishedRows,
  openExtended,
  sameModel,
  type ExtendedBaseline,
} from '../compose/extended-baseline.js';
import { ImageIndex } from '../evaluate/image-index.js';
import { keepOrDiscard } from '../keep-or-discard.js';
import { openOutput } from '../phases.js';
import type { Session } from '../session.js';
import { HAZURE_VERSION } from '../version.js';
import type { Watching } from './options.js';
import type { LearnResult } from './results.js';
import { interruptible, openSession } from './session.js';

/** What `feedback` takes. */
export interface FeedbackOptions extends Watching {
  /** Folder of the baseline to grow from; it stays as it is. */
  readonly baseline: string;
  /** The detection whose false alarms are accepted. */
  readonly run: string;
  /**
   * Crop or image ids of that detection, or a CSV file of them: a column `crop_id` (or `crop`), else `image` (or
   * `image_id`, `path`), such as rows of `outlier_list.csv` or `outlier_images.csv`. An image stands for all of its
   * objects.
   */
  readonly accept: string | readonly string[];
  /** Where the new baseline goes; default: beside the old one. */
  readonly outputDir?: string | undefined;
}

export interface FeedbackResult extends Omit<LearnResult, 'leftOut'> {
  /** What was added. */
  readonly accepted: { readonly images: number; readonly objects: number };
}

/**
 * Makes a new baseline of an old one and of false alarms that a person accepted as normal, without embedding anything
 * again: equal to learning all of these rows at once.
 *
 * @throws InputError for runs that can't be read, ids that are not of the detection (naming them), or none; ConfigError
 *   BASELINE_MISMATCH for a detection by other models
 */
export function feedback(options: FeedbackOptions): Promise<FeedbackResult> {
  return interruptible(options, () => acceptFalseAlarms(options));
}

async function acceptFalseAlarms(options: FeedbackOptions): Promise<FeedbackResult> {
  const { session, warnings } = openSession(options);
  const old = await openExtended(options.baseline);
  const run = await openDetection(options.run, old, session);
  const accepted = await acceptedObjects(run, options.accept, session);
  const settings = parsePhaseOptions({
    ...old.inherited,
    outputDir: options.outputDir ?? dirname(old.folder),
  });
  const store = await openOutput(settings, session);
  const ids = [...accepted.keys].sort();
  const key = sha256Hex(JSON.stringify(['feedback', old.manifest.resumeKey, run.manifest?.resumeKey, ids]));
  const { folder } = await store.open({ kind: 'baseline', resumeKey: key, resume: false });
  session.logger.info(`feedback: ${accepted.objects} accepted objects of ${run.name} join ${old.rows.name}`);
  const detected = { ...(await finishedRows(run)), objects: () => run.objects() };
  const source = new JoinedRows(folder, [
    { read: () => readFinished(old.rows), pictures: old.rows },
    { read: () => readAccepted(detected, accepted.has), pictures: detected },
  ]);
  const learned = await keepOrDiscard(session, folder, () =>
    finishBaseline({
      ...finishing(old, settings, session),
      folder,
      source,
      resumeKey: key,
      lineageOf: (totals) => old.lineage({ what: 'accepted', from: run.name }, totals),
    }),
  );
  const { images, objects } = old.manifest.counts;
  return {
    ...learned,
    accepted: { images: learned.images - (images ?? 0), objects: learned.objects - (objects ?? 0) },
    warnings,
  };
}

/** What a baseline without new images takes from the old one. */
function finishing(
  { config, manifest, concepts, expander }: ExtendedBaseline,
  options: PhaseOptions,
  session: Session,
): Omit<Parameters<typeof finishBaseline>[0], 'folder' | 'source' | 'resumeKey' | 'lineageOf'> {
  const { concepts: _, ...models } = manifest.models;
  return {
    options,
    inputFolder: config.inputFolder,
    presenter: new ReportPresenter(session.clock, HAZURE_VERSION),
    ...session,
    times: new StageTimes(session.clock),
    hazureVersion: HAZURE_VERSION,
    versions: manifest.versions,
    accelerator: composeAccelerator(),
    expander,
    listedConcepts: concepts.listed,
    modelSources: config.modelSources,
    models,
    device: manifest.device,
    detectorClasses: config.detectorClasses,
  };
}

async function openDetection(path: string, old: ExtendedBaseline, session: Session): Promise<RunReader> {
  const run = await RunReader.open(path);
  const { manifest } = run;
  if (manifest?.kind !== 'detection') {
    throw new InputError('INPUT_INVALID', `${path} is a baseline, not a detection`, {
      hint: 'Give the detection_… folder whose outliers were looked at.',
    });
  }
  for (const role of ['detector', 'embedder'] as const) {
    const [ours, theirs] = [old.manifest.models[role], manifest.models[role]];
    if (ours && theirs && sameModel(ours, theirs)) continue;
    throw new ConfigError(
      `${run.name} was made with the ${role} ${theirs?.name ?? '(none)'}, the baseline with ${ours?.name ?? '(none)'}`,
      { code: 'BASELINE_MISMATCH', hint: 'Detect again with this baseline, and accept from that run.' },
    );
  }
  await verifyArtifacts(
    run.folder,
    manifest,
    [ARTIFACTS.features, ARTIFACTS.images, ARTIFACTS.results].map(({ file }) => file),
  );
  const { baseline } = await run.detectionConfig();
  if (baseline !== old.rows.name) {
    session.logger.warn(`${run.name} was judged against ${baseline}, not ${old.rows.name}.`, {
      code: 'FEEDBACK_OTHER_BASELINE',
    });
  }
  return run;
}

interface Accepted {
  has(object: Pick<ObjectResult, 'cropId' | 'imageId'>): boolean;
  readonly keys: ReadonlySet<string>;
  readonly objects: number;
}

async function acceptedObjects(
  run: RunReader,
  accept: FeedbackOptions['accept'],
  { logger }: Session,
): Promise<Accepted> {
  const given = new Set(typeof accept === 'string' ? await readIds(accept) : accept);
  if (given.size === 0) {
    throw new InputError('INPUT_EMPTY', 'feedback: nothing is accepted', {
      hint: 'List crop ids of outlier_list.csv, or images of outlier_images.csv.',
    });
  }
  const index = new ImageIndex((await run.detectionConfig()).inputFolder);
  for await (const { imageId } of run.images()) index.add(imageId);
  const [images, crops] = [new Set<string>(), new Set<string>()];
  const open = new Set(given);
  for await (const { cropId } of run.objects()) {
    // a spreadsheet's guard against formulas, as the lists of outliers have it
    for (const id of [cropId, `'${cropId}`]) if (open.delete(id)) crops.add(cropId);
  }
  const strangers: string[] = [];
  for (const id of open) {
    const at =
      index.find(id, 'feedback') ?? (id.startsWith("'") ? index.find(id.slice(1), 'feedback') : null);
    if (at === null) strangers.push(id);
    else images.add(index.ids[at]);
  }
  if (strangers.length > 0) {
    const some = strangers
      .slice(0, 3)
      .map((id) => `"${id}"`)
      .join(', ');
    throw new InputError(
      'INPUT_INVALID',
      `feedback: ${strangers.length} of ${given.size} ids are no crop or image of ${run.name}, such as ${some}`,
      { hint: 'Use the ids of its outlier_list.csv or outlier_images.csv.' },
    );
  }
  const has: Accepted['has'] = ({ cropId, imageId }) => crops.has(cropId) || images.has(imageId);
  let [objects, byWords] = [0, 0];
  for await (const object of run.objects()) {
    if (!has(object)) continue;
    objects++;
    if (object.verdict.outlier && object.verdict.semantic?.outlier) byWords++;
  }
  if (byWords > 0) {
    logger.warn(
      `${byWords} of the accepted objects were flagged by their captions, which a baseline's rows don't change: ` +
        'they may be flagged again unless option conceptList of a baseline, or option fusion, says otherwise.',
      { code: 'FEEDBACK_FLAGGED_BY_WORDS' },
    );
  }
  if (objects === 0) {
    throw new InputError(
      'INPUT_EMPTY',
      'feedback: the accepted images have no objects, so there is nothing to learn',
    );
  }
  return { has, keys: new Set([...crops, ...images]), objects };
}

const COLUMNS = ['crop_id', 'crop', 'cropId', 'image', 'image_id', 'imageId', 'path'];

async function readIds(path: string): Promise<string[]> {
  let rows: Record<string, string>[];
  try {
    rows = parseCsv(await readFile(path, 'utf8'), {
      columns: true,
      bom: true,
      skip_empty_lines: true,
      trim: true,
    });
  } catch (cause) {
    throw new InputError('INPUT_INVALID', `Can't read the accepted ids of ${path}: ${messageOf(cause)}`, {
      cause,
      hint: 'It must be a CSV file with a column crop_id or image.',
    });
  }
  return rows.map((row, i) => {
    const id = COLUMNS.map((name) => row[name]).find((value) => value);
    if (!id) {
      throw new InputError('INPUT_INVALID', `${path}: row ${i + 1} has neither crop_id nor image`, {
        hint: 'The header must name the column crop_id or image.',
      });
    }
    return id;
  });
}
