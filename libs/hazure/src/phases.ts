import { parseIndexRanges, type PhaseOptions, type RunFolder } from '@hazure/contracts';
import {
  detectOutliers,
  learnBaseline,
  type DetectRequest,
  type DetectSummary,
  type PhaseSummary,
  type RunContext,
} from '@hazure/pipeline';
import { DirectoryRunStore } from '@hazure/run-store';
import { describeLeftOut, openInputs } from '@hazure/inputs';
import { composeAccelerator } from './compose/accelerator.js';
import type { StoredBaseline } from './compose/baseline.js';
import type { ExtendedBaseline } from './compose/extended-baseline.js';
import { resumeKey } from './compose/resume-key.js';
import { checkSameModels } from './compose/same-models.js';
import { composeExpander, listedConcepts } from './compose/semantics.js';
import { keepOrDiscard } from './keep-or-discard.js';
import type { InputImages, PhaseRequest } from './phase-request.js';
import { findFinished, finishedDetection, finishedSummary, noteInputs } from './finished-run.js';
import { ReportPresenter } from '@hazure/report';
import type { Session } from './session.js';
import { HAZURE_VERSION } from './version.js';

export type LearnPhaseResult = PhaseSummary;
export type DetectPhaseResult = DetectSummary;

/**
 * Where the runs go; refuses before any model is loaded what would fail later: an output folder that can't be written.
 * @throws InputError
 */
export async function openOutput(options: PhaseOptions, session: Session): Promise<DirectoryRunStore> {
  const store = new DirectoryRunStore(options.outputDir, session.clock);
  await store.checkWritable();
  return store;
}

/**
 * Lists the images of all inputs. Run folders among them are left out: their crops are no images to learn from or to
 * judge. Whoever opens them closes them.
 *
 * @param args folders, files, globs, lists, archives, addresses, videos
 * @param ranges which positions of the listing are worked on
 * @throws InputError for inputs without images; ConfigError for options that select none
 */
export async function inputImages(
  args: readonly string[],
  ranges: string | undefined,
  options: Pick<PhaseOptions, 'every' | 'limit' | 'exclude' | 'inputRoot'>,
  { store, session }: { readonly store: DirectoryRunStore; readonly session: Session },
): Promise<InputImages> {
  const { every, limit, exclude, inputRoot } = options;
  const inputs = await openInputs(args, {
    ...(every !== undefined ? { every } : {}),
    ...(limit !== undefined ? { limit } : {}),
    ...(exclude !== undefined ? { exclude } : {}),
    ...(inputRoot !== undefined ? { root: inputRoot } : {}),
    selected: parseIndexRanges(ranges),
    leaveOut: (path) => store.holds(path),
    signal: session.signal,
    logger: session.logger,
  });
  const given = args.join(', ');
  const leftOut = describeLeftOut(inputs.leftOut);
  session.logger.info(`${inputs.total} images of ${given}${leftOut === null ? '' : `; ${leftOut}`}`);
  return Object.assign(inputs, { given, args });
}

/** Learns a baseline; with `--resume`, a finished one of the same settings is taken as it is. */
export async function runLearnPhase(
  request: PhaseRequest & { readonly extended?: ExtendedBaseline | undefined },
): Promise<LearnPhaseResult> {
  const { options, session, composed, input, extended } = request;
  const listed = await listedConcepts(options);
  const { detector, embedder } = composed.stages;
  const key = resumeKey({
    kind: 'baseline',
    options,
    inputs: input.identity,
    models: { detector: detector.info, embedder: embedder.info },
    baselineKey: extended
      ? JSON.stringify([listed, extended.manifest.resumeKey, extended.manifest.createdAt])
      : listed.length > 0
        ? JSON.stringify(listed)
        : null,
  });
  const store = new DirectoryRunStore(options.outputDir, session.clock);
  const finished = options.resume ? await findFinished(store, 'baseline', key, request) : null;
  if (finished) return finishedSummary(finished);
  const { folder, resumed } = await store.open({ kind: 'baseline', resumeKey: key, resume: options.resume });
  announce(session, 'learn', input, folder, resumed);
  return keepOrDiscard(session, folder, async () => {
    await noteInputs(folder, input);
    return learnBaseline({
      ...runContext(request, folder, key),
      accelerator: composeAccelerator(),
      expander: composeExpander(options, composed.store, session.logger) ?? extended?.expander ?? null,
      listedConcepts: [...new Set([...(extended?.concepts.listed ?? []), ...listed])],
      modelSources: composed.modelSources,
      ...(extended
        ? {
            old: extended.rows,
            lineageOf: (totals) => extended.lineage({ what: 'images', from: input.given }, totals),
          }
        : {}),
    });
  });
}

/** Judges new images against a baseline. */
export async function runDetectPhase(
  request: PhaseRequest & { readonly stored: StoredBaseline; readonly onObject?: DetectRequest['onObject'] },
): Promise<DetectPhaseResult> {
  const { options, session, composed, input, stored } = request;
  const { words } = composed;
  if (!words) throw new TypeError('The detect phase was composed without words');
  const stages = { ...composed.stages, captioner: words.captioner };
  checkSameModels(stored, composed, options, session.logger);
  const baseline = await stored.load();
  const key = resumeKey({
    kind: 'detection',
    options,
    inputs: input.identity,
    models: {
      detector: stages.detector.info,
      embedder: stages.embedder.info,
      captioner: stages.captioner.info,
      similarity: words.similarity.info,
    },
    baselineKey: stored.contentKey,
  });
  const store = new DirectoryRunStore(options.outputDir, session.clock);
  const finished = options.resume ? await findFinished(store, 'detection', key, request) : null;
  if (finished) return finishedDetection(finished);
  const { folder, resumed } = await store.open({ kind: 'detection', resumeKey: key, resume: options.resume });
  announce(session, 'detect', input, folder, resumed);
  return keepOrDiscard(session, folder, async () => {
    await noteInputs(folder, input);
    return detectOutliers({
      ...runContext(request, folder, key),
      stages,
      baseline,
      similarity: words.similarity,
      onObject: request.onObject,
    });
  });
}

function runContext(request: PhaseRequest, folder: RunFolder, key: string): RunContext {
  const { options, session, composed, input } = request;
  return {
    options,
    inputFolder: input.root,
    refs: { length: input.total, from: (position) => input.images(position) },
    folder,
    stages: composed.stages,
    streamOptions: composed.streamOptions,
    presenter: new ReportPresenter(session.clock, HAZURE_VERSION),
    clock: session.clock,
    logger: session.logger,
    earlierWarnings: (session.warnings ?? []).filter(({ code }) => code !== 'NOTE'),
    progress: session.progress,
    signal: session.signal,
    hazureVersion: HAZURE_VERSION,
    resumeKey: key,
    versions: composed.versions,
  };
}

function announce(
  session: Session,
  phase: string,
  input: InputImages,
  folder: RunFolder,
  resumed: boolean,
): void {
  const done = folder.shards.finished.reduce((sum, { from, to }) => sum + to - from, 0);
  const where = resumed ? ` (going on after ${done})` : '';
  session.logger.info(`${phase}: ${input.total} images of ${input.given}${where}`);
}
