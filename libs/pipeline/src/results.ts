import { explain } from '@hazure/concept-matching';
import {
  ARTIFACTS,
  FOR_PEOPLE,
  type CombinedMapFile,
  type ConceptCandidate,
  type DetectionConfig,
  type DetectionStatistics,
  type ObjectResult,
  type ParquetColumn,
  type PhaseOptions,
  type RecordWriter,
  type ResultsHead,
  type Verdict,
} from '@hazure/contracts';
import type { CombinedMap, DetectRequest } from './records.js';
import { writeFailures, writeJsonl, type Gathered } from './gather.js';
import { saveOutliers } from './outliers.js';
import { modelsOf } from './run-context.js';
import type { StageTimes } from './stage-times.js';

/** Normal crops that each outlier is shown beside. */
export const NEAREST_NORMALS = 5;

const PARQUET_COLUMNS: readonly ParquetColumn[] = [
  { name: 'crop_id', type: 'STRING' },
  { name: 'image', type: 'STRING' },
  { name: 'image_index', type: 'INT32' },
  { name: 'class_id', type: 'INT32' },
  { name: 'class_name', type: 'STRING' },
  { name: 'confidence', type: 'DOUBLE' },
  { name: 'x1', type: 'DOUBLE' },
  { name: 'y1', type: 'DOUBLE' },
  { name: 'x2', type: 'DOUBLE' },
  { name: 'y2', type: 'DOUBLE' },
  { name: 'outlier', type: 'BOOLEAN' },
  { name: 'feature_outlier', type: 'BOOLEAN' },
  { name: 'semantic_outlier', type: 'BOOLEAN' },
  { name: 'score', type: 'DOUBLE' },
  { name: 'p_value', type: 'DOUBLE' },
  { name: 'caption', type: 'STRING' },
  { name: 'semantic_reason', type: 'STRING' },
  { name: 'best_concept', type: 'STRING' },
  { name: 'best_similarity', type: 'DOUBLE' },
  { name: 'reason', type: 'STRING' },
  { name: 'crop_file', type: 'STRING' },
];

/** Everything that `detect` writes except timing, report and manifest. */
export async function writeResults(input: {
  readonly request: DetectRequest;
  readonly gathered: Gathered;
  readonly verdicts: readonly Verdict[];
  readonly outlierRows: readonly number[];
  readonly candidates: readonly ConceptCandidate[];
  readonly map: CombinedMap;
  readonly times: StageTimes;
}): Promise<void> {
  const { request, gathered, verdicts, outlierRows, candidates, map, times } = input;
  const { folder, options, baseline, presenter } = request;
  const { crops, embeddings } = gathered;

  // a program that lists them should not have to ask first whether anything was found
  if (options.saveCrops) await folder.makeFolder(FOR_PEOPLE.crops);
  if (options.saveOutliers) await folder.makeFolder(FOR_PEOPLE.outliers);
  const neighbours = await baseline.scorers.nearestNormals(
    embeddings,
    outlierRows,
    NEAREST_NORMALS,
    baseline.crops,
  );
  const saved = await times.measure('save outliers', 'objects', outlierRows.length, () =>
    saveOutliers({ request, crops, verdicts, outlierRows }),
  );
  const placed = placesOnMap(map);
  const outlierAt = new Map(outlierRows.map((row, i) => [row, i]));
  const result = (row: number): ObjectResult => {
    const { caption: _, ...crop } = crops[row];
    const at = outlierAt.get(row);
    return {
      ...crop,
      verdict: withoutDescription(verdicts[row], options),
      nearestNormals: at === undefined ? [] : neighbours[at],
      outlierFile: at === undefined ? null : saved[at].file,
      probabilityPlot: at === undefined ? null : saved[at].plot,
      map: placed.get(row) ?? null,
    };
  };

  const config: DetectionConfig = {
    format: ARTIFACTS.config.format,
    phase: 'detect',
    inputFolder: request.inputFolder,
    baseline: baseline.name,
    baselineFolder: baseline.folder,
    options,
    models: modelsOf(request.stages, { similarity: request.similarity.info }),
    similarity: request.similarity.name,
    scorer: baseline.scorers.defaultScorer,
  };
  await folder.writeJson(ARTIFACTS.config.file, config);
  const writers: {
    readonly writer: RecordWriter;
    readonly toRecord: (object: ObjectResult) => object | null;
  }[] = [
    {
      writer: await folder.openJsonList(
        ARTIFACTS.results.file,
        {
          format: ARTIFACTS.results.format,
          scorer: baseline.scorers.defaultScorer,
          candidates: [...candidates],
        } satisfies ResultsHead,
        'objects',
      ),
      toRecord: (object) => object,
    },
    { writer: await folder.openParquet(ARTIFACTS.objects.file, PARQUET_COLUMNS), toRecord: tableRow },
  ];
  if (options.saveOutlierList) {
    const columns = PARQUET_COLUMNS.map(({ name }) => name);
    writers.push({
      writer: await folder.openCsv(ARTIFACTS.outlierList.file, columns),
      toRecord: (object) => (object.verdict.outlier ? tableRow(object) : null),
    });
  }
  for (let row = 0; row < crops.length; row++) {
    const object = result(row);
    for (const { writer, toRecord } of writers) {
      const record = toRecord(object);
      if (record) await writer.write(record);
    }
  }
  for (const { writer } of writers) await writer.close();
  await folder.writeJson(ARTIFACTS.statistics.file, statistics(input));
  await writeJsonl(folder, ARTIFACTS.images.file, gathered.images);
  await writeFailures(folder, gathered.failures);
  await folder.writeBytes(
    FOR_PEOPLE.combinedMapPlot,
    await presenter.mapPng({
      title:
        map.parameters.how === 'placement'
          ? 'New objects on the t-SNE map of the baseline'
          : 't-SNE of the baseline and the new objects',
      xy: map.xy,
      classNames: [
        ...Array.from(map.baselineRows, (row) => baseline.crops[row].className),
        ...Array.from(map.newRows, (row) => crops[row].className),
      ],
      baselineClasses: baseline.concepts.classes,
      outliers: [
        ...Array.from(map.baselineRows, () => false),
        ...Array.from(map.newRows, (row) => verdicts[row].outlier),
      ],
      isNew: [...Array.from(map.baselineRows, () => false), ...Array.from(map.newRows, () => true)],
    }),
  );
  const combined: CombinedMapFile = {
    format: ARTIFACTS.combinedMap.format,
    parameters: map.parameters,
    baseline: Array.from(map.baselineRows, (row, i) => [row, map.xy[2 * i], map.xy[2 * i + 1]]),
    new: [...placed].map(([row, [x, y]]) => [row, x, y]),
  };
  await folder.writeJson(ARTIFACTS.combinedMap.file, combined);
}

function placesOnMap({ baselineRows, newRows, xy }: CombinedMap): Map<number, readonly [number, number]> {
  const offset = baselineRows.length;
  return new Map(Array.from(newRows, (row, i) => [row, [xy[2 * (offset + i)], xy[2 * (offset + i) + 1]]]));
}

/** `--no-save-descriptions`: the words decided, but are not kept, neither by themselves nor quoted in the reason. */
function withoutDescription(
  verdict: Verdict,
  options: Pick<PhaseOptions, 'saveDescriptions' | 'fusion'>,
): Verdict {
  if (options.saveDescriptions || !verdict.semantic) return verdict;
  const { source } = verdict.semantic.caption;
  const silent = { ...verdict, semantic: { ...verdict.semantic, caption: { text: '', source } } };
  return { ...silent, reason: explain(silent, options.fusion) };
}

function tableRow(object: ObjectResult): object {
  const { box, verdict } = object;
  const best = verdict.semantic?.matches[0];
  return {
    crop_id: object.cropId,
    image: object.imageId,
    image_index: object.imageIndex,
    class_id: object.classId,
    class_name: object.className,
    confidence: object.confidence,
    ...box,
    outlier: verdict.outlier,
    feature_outlier: verdict.feature.outlier,
    semantic_outlier: verdict.semantic?.outlier ?? null,
    score: verdict.feature.score,
    p_value: verdict.feature.pValue,
    caption: verdict.semantic?.caption.text ?? null,
    semantic_reason: verdict.semantic?.reason ?? null,
    best_concept: best?.label ?? null,
    best_similarity: best?.similarity ?? null,
    reason: verdict.reason,
    crop_file: object.outlierFile ?? object.file,
  };
}

function statistics(input: {
  readonly gathered: Gathered;
  readonly verdicts: readonly Verdict[];
  readonly outlierRows: readonly number[];
}): DetectionStatistics {
  const { gathered, verdicts, outlierRows } = input;
  const { crops, failures, tally } = gathered;
  const outliersByClass = new Map<string, number>();
  for (const row of outlierRows) {
    const { className } = crops[row];
    outliersByClass.set(className, (outliersByClass.get(className) ?? 0) + 1);
  }
  const { classes, ...totals } = tally.summary();
  const count = (test: (verdict: Verdict) => boolean): number => verdicts.filter(test).length;
  const failuresByStage: Record<string, number> = {};
  for (const { stage } of failures) failuresByStage[stage] = (failuresByStage[stage] ?? 0) + 1;
  return {
    format: ARTIFACTS.statistics.format,
    ...totals,
    outliers: outlierRows.length,
    outlierShare: crops.length > 0 ? outlierRows.length / crops.length : 0,
    featureOutliers: count(({ feature }) => feature.outlier),
    semanticOutliers: count(({ semantic }) => semantic?.outlier ?? false),
    bothOutliers: count(({ feature, semantic }) => feature.outlier && (semantic?.outlier ?? false)),
    failures: failures.length,
    failuresByStage,
    classes: classes.map((each) => ({ ...each, outliers: outliersByClass.get(each.className) ?? 0 })),
  };
}
