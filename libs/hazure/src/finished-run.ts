import { ARTIFACTS, messageOf, type RunFolder } from '@hazure/contracts';
import type { DetectSummary, PhaseSummary } from '@hazure/pipeline';
import { RunReader, dropShards, verifyArtifacts, type DirectoryRunStore } from '@hazure/run-store';
import type { InputImages, PhaseRequest } from './phase-request.js';

/** Notes which state of its inputs a run sees. */
export async function noteInputs(
  folder: RunFolder,
  { state, total }: Pick<InputImages, 'state' | 'total'>,
): Promise<void> {
  const { file, format } = ARTIFACTS.inputs;
  await folder.writeJson(file, { format, images: total, stateSha256: state });
}

/**
 * The finished run that `--resume` need not do again: of the same settings, whole by its checksums, and of inputs that
 * have the sizes and times that they had. Says why one that looks like it is done again.
 */
export async function findFinished(
  store: DirectoryRunStore,
  kind: 'baseline' | 'detection',
  key: string,
  { options, session, input }: Pick<PhaseRequest, 'options' | 'session' | 'input'>,
): Promise<RunReader | null> {
  const folder = await store.findFinished(kind, key);
  if (folder === null) return null;
  const { logger } = session;
  try {
    const run = await RunReader.open(folder);
    if (run.manifest) await verifyArtifacts(folder, run.manifest);
    if ((await run.inputs()).stateSha256 !== input.state) {
      logger.warn(`${folder} was made of inputs that were changed since, so it is made again.`, {
        code: 'INPUT_CHANGED',
      });
      return null;
    }
    // a process that ended between a run's last two steps leaves them
    if (options.cleanupTempFiles) await dropShards(folder);
    logger.info(`The ${kind} is finished already: ${folder}`);
    return run;
  } catch (error) {
    logger.warn(`${folder} is finished, but can't be used, so it is made again: ${messageOf(error)}`, {
      code: 'RUN_DAMAGED',
    });
    return null;
  }
}

export function finishedSummary({ folder, manifest }: RunReader): PhaseSummary {
  const { images = 0, objects = 0, failures = 0 } = manifest?.counts ?? {};
  return { folder, images, objects, failures, seconds: 0 };
}

export async function finishedDetection(run: RunReader): Promise<DetectSummary> {
  const { outliers, imageOutliers, expectedFalseAlarmShare } = await run.statistics();
  return { ...finishedSummary(run), outliers, imageOutliers, expectedFalseAlarmShare };
}
