import { ConfigError, InputError } from '@hazure/contracts';
import { requiredHeldOutRows } from '@hazure/anomaly-scoring';
import type { DetectRequest } from './records.js';
import type { RunWarnings } from './warnings.js';

/**
 * Which share the percentile promises: what was asked for, else images where the detector only cuts (whole images and
 * tiles), else objects.
 * @throws InputError BASELINE_TOO_SMALL when images are asked for and the baseline has too few to tell
 */
export function judgedBy(request: DetectRequest, warnings: RunWarnings): 'object' | 'image' {
  const { options, baseline, stages } = request;
  const can = baseline.scorers.judgesImages(options);
  const required = requiredHeldOutRows(options.thresholdPercentile);
  const have = baseline.scorers.fitted.heldOutImages;
  if (options.judgeBy === 'image' && !can) {
    throw new InputError(
      'BASELINE_TOO_SMALL',
      `Judging by image at percentile ${options.thresholdPercentile} needs ${required} held-out images, the baseline has ${have}`,
      { hint: 'Learn from more images, lower the percentile, or judge by object.' },
    );
  }
  if (options.judgeBy !== undefined) return options.judgeBy;
  if (!stages.detector.wholeImages) return 'object';
  if (can) return 'image';
  warnings.add(
    'IMAGES_NOT_JUDGED',
    `The baseline has ${have} held-out images where percentile ${options.thresholdPercentile} needs ${required} to judge whole images, ` +
      'so the percentile promises a share of objects, and more images than that may be flagged.',
  );
  return 'object';
}

/**
 * Whether each verdict stands as soon as its object was seen.
 * @throws ConfigError where it depends on objects that are still to come
 */
export function checkStreamed({ options, baseline, stages }: DetectRequest): void {
  if (options.fdr !== undefined) {
    throw new ConfigError(
      'Under option fdr a verdict depends on all objects of the run, so none can be streamed',
      {
        hint: 'Leave option fdr out, or read detection_results.json when the run has ended.',
      },
    );
  }
  const images = stages.detector.wholeImages && baseline.scorers.judgesImages(options) ? 'image' : 'object';
  if ((options.judgeBy ?? images) === 'object') return;
  throw new ConfigError(
    "Where images are judged, a verdict depends on the whole image, so objects can't be streamed",
    {
      hint: 'Set option judgeBy to object, or read detection_results.json when the run has ended.',
    },
  );
}
