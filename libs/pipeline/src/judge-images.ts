import type { Clock, FailureRecord, ImageList, Neighbour, TextSimilarity, Verdict } from '@hazure/contracts';
import type { ObjectStages, Processed } from './chunk-worker.js';
import { candidatesOf } from './candidates.js';
import { CaptionJudge } from './caption-verdicts.js';
import { judge, type JudgeOptions, type Judged } from './judge.js';
import { processImages, type ObjectStreamOptions } from './objects.js';
import type { Baseline, JudgedCrop } from './records.js';
import { NEAREST_NORMALS } from './write-results.js';
import { StageTimes } from './stage-times.js';

/** One image as `judgeImages` answers it. */
export interface ImageJudgement {
  readonly imageId: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly objects: readonly JudgedCrop[];
  readonly outlier: boolean;
  readonly failures: readonly FailureRecord[];
}

/**
 * Judges images as they pass, without a run folder: what `detect` says of them, image by image, in order. Rates over
 * all objects of a run (`fdr`) have no meaning here and are refused by the options' owner.
 */
export async function* judgeImages(request: {
  readonly images: ImageList;
  readonly stages: ObjectStages;
  readonly streamOptions: ObjectStreamOptions;
  readonly baseline: Baseline;
  readonly similarity: TextSimilarity;
  readonly options: JudgeOptions;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}): AsyncGenerator<ImageJudgement> {
  const { images, stages, baseline, similarity, options, clock, signal } = request;
  const times = new StageTimes(clock);
  const captions = new CaptionJudge(
    candidatesOf(baseline, stages.detector.classNames, options),
    similarity,
    options,
  );
  const parts = processImages({
    refs: images,
    start: 0,
    stages,
    options: { ...request.streamOptions, saveCrops: false },
    folder: null,
    times,
    signal,
  });
  for await (const part of parts) {
    const { verdicts, neighbours } = await judgePart(part, { baseline, captions, options });
    yield* answers(part, verdicts, neighbours);
  }
}

interface Judging {
  readonly baseline: Baseline;
  readonly captions: CaptionJudge;
  readonly options: JudgeOptions;
}

/** Verdict i belongs to crop i; outliers get their nearest normals by row. */
async function judgePart(
  part: Judged,
  { baseline, captions, options }: Judging,
): Promise<{ verdicts: Verdict[]; neighbours: ReadonlyMap<number, readonly Neighbour[]> }> {
  const verdicts = await judge(part, baseline, captions, options);
  const rows = verdicts.flatMap(({ outlier }, row) => (outlier ? [row] : []));
  const nearest = await baseline.scorers.nearestNormals(
    part.embeddings,
    rows,
    NEAREST_NORMALS,
    baseline.crops,
  );
  return { verdicts, neighbours: new Map(rows.map((row, i) => [row, nearest[i]])) };
}

/** Objects of a part as they will stand in the results, less what only a finished run knows of them. */
export async function judgedCrops(part: Judged, judging: Judging): Promise<JudgedCrop[]> {
  const { verdicts, neighbours } = await judgePart(part, judging);
  return part.crops.map(({ caption: _, file: __, ...crop }, row) => ({
    ...crop,
    verdict: verdicts[row],
    nearestNormals: neighbours.get(row) ?? [],
  }));
}

function* answers(
  part: Processed,
  verdicts: readonly Verdict[],
  neighbours: ReadonlyMap<number, readonly Neighbour[]>,
): Generator<ImageJudgement> {
  const objectsOf = new Map<number, JudgedCrop[]>(part.asked.map(({ index }) => [index, []]));
  part.crops.forEach(({ caption: _, file: __, ...crop }, row) => {
    const judged = { ...crop, verdict: verdicts[row], nearestNormals: neighbours.get(row) ?? [] };
    objectsOf.get(crop.imageIndex)?.push(judged);
  });
  const sizeOf = new Map(
    part.images.map(({ imageIndex, widthPx, heightPx }) => [imageIndex, { widthPx, heightPx }]),
  );
  for (const { index, id } of part.asked) {
    const objects = objectsOf.get(index) ?? [];
    const { widthPx, heightPx } = sizeOf.get(index) ?? { widthPx: 0, heightPx: 0 };
    yield {
      imageId: id,
      widthPx,
      heightPx,
      objects,
      outlier: objects.some(({ verdict }) => verdict.outlier),
      failures: part.failures.filter(({ imageId }) => imageId === id),
    };
  }
}
