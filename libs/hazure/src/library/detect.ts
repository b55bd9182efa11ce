import { checkSamePrecision, openStoredBaseline } from '../compose/baseline.js';
import { composeStages } from '../compose/stages.js';
import { inputImages, openOutput, runDetectPhase } from '../phases.js';
import { inputsOf, phaseOptionsOf, refuseImplausible, refuseShard, type DetectOptions } from './options.js';
import { DetectResult } from './results.js';
import { interruptible, openSession } from './session.js';

/**
 * Judges new images against a learned baseline and leaves a detection folder with results, report and plots.
 *
 * @param options `images`, `baseline` and, by the names of the config file, whatever should differ from what the
 *   baseline was learned with
 * @returns counts, the folder, and every judged object as an async iterable
 * @throws as `learn`; InputError BASELINE_INVALID, ARTIFACT_… when the baseline is none, was changed or is of another
 *   version; ConfigError when other models are asked for than it was learned with
 */
export function detect(options: DetectOptions): Promise<DetectResult> {
  return interruptible(options, () => detectImages(options));
}

async function detectImages(options: DetectOptions): Promise<DetectResult> {
  const { session, warnings } = openSession(options);
  const stored = await openStoredBaseline(options.baseline);
  const settings = phaseOptionsOf(options, 'detect', stored.inherited);
  refuseImplausible(settings);
  checkSamePrecision(stored, settings);
  refuseShard(settings, 'detectShard');
  const store = await openOutput(settings, session);
  const input = await inputImages(inputsOf(options.images), settings.testIndices, settings, {
    store,
    session,
  });
  try {
    const composed = await composeStages(settings, session, {
      words: true,
      inherited: stored.inheritedModels(options),
    });
    try {
      const { onObject } = options;
      const detected = await runDetectPhase({
        options: settings,
        session,
        composed,
        input,
        stored,
        onObject,
      });
      return new DetectResult({ ...detected, leftOut: input.leftOut, warnings });
    } finally {
      await composed.close();
    }
  } finally {
    await input.close();
  }
}
