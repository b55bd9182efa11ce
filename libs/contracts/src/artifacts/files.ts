/**
 * Every file of a run folder that a program reads back, by one rule: `hazure-NAME/VERSION`. A file whose shape changes
 * gets the next version; a reader refuses any other. JSON documents carry the format themselves; lists, tables and
 * matrices, which have no head, carry it in the manifest.
 */
export const ARTIFACTS = {
  manifest: { file: 'manifest.json', format: 'hazure-run/3' },
  config: { file: 'config.json', format: 'hazure-config/1' },
  images: { file: 'images.jsonl', format: 'hazure-images/1' },
  crops: { file: 'crops.jsonl', format: 'hazure-crops/1' },
  failures: { file: 'failures.jsonl', format: 'hazure-failures/1' },
  features: { file: 'features.npy', format: 'hazure-features/1' },
  reference: { file: 'reference.json', format: 'hazure-reference/1' },
  referenceFeatures: { file: 'reference.npy', format: 'hazure-features/1' },
  referenceCrops: { file: 'reference.jsonl', format: 'hazure-crops/1' },
  isolationForest: { file: 'iso_model.json', format: 'hazure-isolation-forest/1' },
  scorers: { file: 'scorers.json', format: 'hazure-scorers/1' },
  calibration: { file: 'calibration.json', format: 'hazure-calibration/1' },
  concepts: { file: 'concepts.json', format: 'hazure-concepts/1' },
  classStatistics: { file: 'class_statistics.json', format: 'hazure-class-statistics/1' },
  baselineMap: { file: 'tsne_map.json', format: 'hazure-map/1' },
  results: { file: 'detection_results.json', format: 'hazure-detection/1' },
  objects: { file: 'detections.parquet', format: 'hazure-objects/1' },
  imageTable: { file: 'images.parquet', format: 'hazure-image-table/1' },
  outlierImages: { file: 'outlier_images.csv', format: 'hazure-outlier-images/1' },
  outlierList: { file: 'outlier_list.csv', format: 'hazure-outliers/1' },
  combinedMap: { file: 'tsne_map.json', format: 'hazure-combined-map/1' },
  statistics: { file: 'statistics.json', format: 'hazure-statistics/1' },
  inputs: { file: 'inputs.json', format: 'hazure-inputs/1' },
  timing: { file: 'timing.json', format: 'hazure-timing/1' },
  shardPlan: { file: '.shards/plan.json', format: 'hazure-shard-plan/1' },
  shardState: { file: '.shards/part-<i>/state.json', format: 'hazure-shard-state/1' },
  shard: { file: '.shards/shard-<from>-<to>.jsonl', format: 'hazure-shard/2' },
} as const;

export type ArtifactKey = keyof typeof ARTIFACTS;

/** Files that only people look at; no program reads them back. */
export const FOR_PEOPLE = {
  report: 'report.html',
  timingTable: 'timing.txt',
  baselineMapPlot: 'tsne_visualization.png',
  combinedMapPlot: 'combined_tsne.png',
  crops: 'cropped_objects',
  outliers: 'outliers',
  heatmaps: 'heatmaps',
} as const;

/** Folders of pictures: as many files as there are objects, so the manifest counts them and does not list them. */
export const PICTURE_FOLDERS: readonly string[] = [
  FOR_PEOPLE.crops,
  FOR_PEOPLE.outliers,
  FOR_PEOPLE.heatmaps,
];

/** The format that a manifest notes beside a file of the given run; null for pictures, reports and tables for people. */
export function formatOf(kind: 'baseline' | 'detection', file: string): string | null {
  for (const [key, artifact] of Object.entries(ARTIFACTS)) {
    if (artifact.file !== file) continue;
    if (file === ARTIFACTS.baselineMap.file && (key === 'baselineMap') !== (kind === 'baseline')) continue;
    return artifact.format;
  }
  return null;
}
