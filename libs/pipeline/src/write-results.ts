import { explain, fuse } from '@hazure/concept-matching';
import {
  ARTIFACTS,
  FOR_PEOPLE,
  IMAGE_COLUMNS,
  imageRow,
  objectColumns,
  objectRow,
  type ConceptCandidate,
  type ImageRecord,
  type Neighbour,
  type ObjectResult,
  type PhaseOptions,
  type RecordWriter,
  type ResultsHead,
  type Shard,
  type Verdict,
} from '@hazure/contracts';
import type { CaptionJudge } from './caption-verdicts.js';

import type { JudgedRun } from './judged-run.js';
import { OutlierSaver, type SavedOutlier } from './outliers.js';
import type { CombinedMap, DetectRequest } from './records.js';
import type { StageTimes } from './stage-times.js';

/** Normal crops that each outlier is shown beside. */
export const NEAREST_NORMALS = 5;

/** Where records of one kind go, and what becomes of each there; null leaves it out. */
interface Sink<T> {
  readonly writer: RecordWriter;
  readonly toRecord: (record: T) => object | null;
}

/**
 * Second pass over a run's objects: every record of `detection_results.json`, the tables and lists, shard by shard.
 * @returns outliers that got no probability plot because there were more than `probabilityPlots`
 */
export async function writeRecords(input: {
  readonly request: DetectRequest;
  readonly run: JudgedRun;
  readonly captions: CaptionJudge;
  readonly candidates: readonly ConceptCandidate[];
  readonly map: CombinedMap;
  readonly times: StageTimes;
}): Promise<number> {
  const { request, run, times } = input;
  const { folder, options } = request;
  // a program that lists them should not have to ask first whether anything was found
  if (options.saveCrops) await folder.makeFolder(FOR_PEOPLE.crops);
  if (options.saveOutliers) await folder.makeFolder(FOR_PEOPLE.outliers);
  const saver = new OutlierSaver(request);
  const objects = await objectSinks(input);
  const images = await imageSinks(request);
  const records = new RecordMaker(input, saver);
  await times.measure('write results', 'objects', run.objects, async () => {
    for await (const shard of folder.shards.read()) {
      for await (const object of records.objectsOf(shard)) await writeTo(objects, object);
      for (const image of records.imagesOf(shard)) await writeTo(images, image);
      request.progress.update({ stage: 'results', done: records.rows, total: run.objects, unit: 'objects' });
    }
  });
  request.progress.finish('results');
  for (const { writer } of [...objects, ...images]) await writer.close();
  return saver.unplotted;
}

async function writeTo<T>(sinks: readonly Sink<T>[], record: T): Promise<void> {
  for (const { writer, toRecord } of sinks) {
    const made = toRecord(record);
    if (made) await writer.write(made);
  }
}

async function objectSinks({
  request: { folder, options, baseline },
  run,
  candidates,
}: {
  readonly request: DetectRequest;
  readonly run: JudgedRun;
  readonly candidates: readonly ConceptCandidate[];
}): Promise<Sink<ObjectResult>[]> {
  const columns = objectColumns([...run.scores.keys()]);
  const head: ResultsHead = {
    format: ARTIFACTS.results.format,
    scorer: baseline.scorers.defaultScorer,
    candidates: [...candidates],
  };
  const sinks: Sink<ObjectResult>[] = [
    {
      writer: await folder.openJsonList(ARTIFACTS.results.file, head, 'objects'),
      toRecord: (object) => object,
    },
    { writer: await folder.openParquet(ARTIFACTS.objects.file, columns), toRecord: objectRow },
  ];
  if (options.saveOutlierList) {
    const names = columns.map(({ name }) => name);
    sinks.push({
      writer: await folder.openCsv(ARTIFACTS.outlierList.file, names),
      toRecord: (object) => (object.verdict.outlier ? objectRow(object) : null),
    });
  }
  return sinks;
}

async function imageSinks({ folder, options }: DetectRequest): Promise<Sink<ImageRecord>[]> {
  const sinks: Sink<ImageRecord>[] = [
    { writer: await folder.openJsonl(ARTIFACTS.images.file), toRecord: (image) => image },
    { writer: await folder.openParquet(ARTIFACTS.imageTable.file, IMAGE_COLUMNS), toRecord: imageRow },
  ];
  if (options.saveOutlierList) {
    const names = IMAGE_COLUMNS.map(({ name }) => name);
    sinks.push({
      writer: await folder.openCsv(ARTIFACTS.outlierImages.file, names),
      toRecord: (image) => (image.verdict?.outlier ? imageRow(image) : null),
    });
  }
  return sinks;
}

/** Puts records together, one shard's at a time. */
class RecordMaker {
  /** Objects so far. */
  rows = 0;
  private images = 0;
  private readonly places: ReadonlyMap<number, readonly [number, number]>;

  constructor(
    private readonly input: {
      readonly request: DetectRequest;
      readonly run: JudgedRun;
      readonly captions: CaptionJudge;
      readonly map: CombinedMap;
    },
    private readonly saver: OutlierSaver,
  ) {
    this.places = placesOnMap(input.map);
  }

  async *objectsOf(shard: Shard): AsyncGenerator<ObjectResult> {
    const { request, run, captions } = this.input;
    const { options, baseline } = request;
    const first = this.rows;
    this.rows += shard.crops.length;
    const words = await captions.judge(shard.crops);
    const verdicts = shard.crops.map((_, i): Verdict => {
      const outlier = run.isOutlier(first + i);
      const fused = fuse(run.featureVerdict(first + i), words[i], options.fusion);
      return fused.outlier === outlier ? fused : { ...fused, outlier };
    });
    const rows = verdicts.flatMap(({ outlier }, i) => (outlier ? [i] : []));
    const nearest = await baseline.scorers.nearestNormals(
      shard.embeddings,
      rows,
      NEAREST_NORMALS,
      baseline.crops,
    );
    const saved = await this.saver.save(shard, verdicts, rows, first);
    const evidence = new Map(rows.map((row, i) => [row, { neighbours: nearest[i], saved: saved[i] }]));
    for (const [i, crop] of shard.crops.entries()) {
      yield this.record(crop, withoutDescription(verdicts[i], options), first + i, evidence.get(i));
    }
  }

  *imagesOf(shard: Shard): Generator<ImageRecord> {
    const { run } = this.input;
    const firstRow = this.rows - shard.crops.length;
    for (const { thumbnail: _, ...image } of shard.images) {
      const at = this.images++;
      const verdicts = run.imageVerdicts;
      if (!verdicts) {
        yield image;
        continue;
      }
      const row = verdicts.mostAnomalous[at];
      yield {
        ...image,
        verdict: {
          pValue: verdicts.pValues[at],
          outlier: verdicts.outlier[at] === 1,
          cropId: row < 0 ? null : shard.crops[row - firstRow].cropId,
        },
      };
    }
  }

  private record(
    { caption: _, ...crop }: Shard['crops'][number],
    verdict: Verdict,
    row: number,
    evidence: { readonly neighbours: readonly Neighbour[]; readonly saved: SavedOutlier } | undefined,
  ): ObjectResult {
    return {
      ...crop,
      verdict,
      nearestNormals: evidence?.neighbours ?? [],
      outlierFile: evidence?.saved.file ?? null,
      probabilityPlot: evidence?.saved.plot ?? null,
      map: this.places.get(row) ?? null,
    };
  }
}

/** By row of the new objects. */
export function placesOnMap({
  baselineRows,
  newRows,
  xy,
}: CombinedMap): Map<number, readonly [number, number]> {
  const offset = baselineRows.length;
  return new Map(Array.from(newRows, (row, i) => [row, [xy[2 * (offset + i)], xy[2 * (offset + i) + 1]]]));
}

/** Without `saveDescriptions`: the words decided, but are not kept, neither by themselves nor quoted in the reason. */
export function withoutDescription(
  verdict: Verdict,
  options: Pick<PhaseOptions, 'saveDescriptions' | 'fusion'>,
): Verdict {
  if (options.saveDescriptions || !verdict.semantic) return verdict;
  const { source } = verdict.semantic.caption;
  const silent = { ...verdict, semantic: { ...verdict.semantic, caption: { text: '', source } } };
  return { ...silent, reason: explain(silent, options.fusion) };
}
