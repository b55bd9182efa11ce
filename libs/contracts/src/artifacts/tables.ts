import type { ImageRecord, ObjectResult } from '../run-records.js';
import type { ParquetColumn } from '../store.js';

/** Columns of `detections.parquet` and `outlier_list.csv`; fields have the names of the JSON, in snake_case. */
export function objectColumns(scorers: readonly string[]): ParquetColumn[] {
  return [
    { name: 'crop_id', type: 'STRING' },
    { name: 'image', type: 'STRING' },
    { name: 'image_index', type: 'INT32' },
    { name: 'image_width_px', type: 'INT32' },
    { name: 'image_height_px', type: 'INT32' },
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
    ...scorers.map((name) => ({ name: scoreColumn(name), type: 'DOUBLE' as const })),
    { name: 'caption', type: 'STRING' },
    { name: 'semantic_reason', type: 'STRING' },
    { name: 'best_concept', type: 'STRING' },
    { name: 'best_similarity', type: 'DOUBLE' },
    { name: 'matches', type: 'STRING' },
    { name: 'nearest_normals', type: 'STRING' },
    { name: 'reason', type: 'STRING' },
    { name: 'crop_file', type: 'STRING' },
  ];
}

const scoreColumn = (scorer: string): string => `score_${scorer}`;

/** Lists are JSON text in a table. */
export function objectRow(object: ObjectResult): Record<string, unknown> {
  const { box, verdict } = object;
  const best = verdict.semantic?.matches[0];
  return {
    crop_id: object.cropId,
    image: object.imageId,
    image_index: object.imageIndex,
    image_width_px: object.imageWidthPx,
    image_height_px: object.imageHeightPx,
    class_id: object.classId,
    class_name: object.className,
    confidence: object.confidence,
    ...box,
    outlier: verdict.outlier,
    feature_outlier: verdict.feature.outlier,
    semantic_outlier: verdict.semantic?.outlier ?? null,
    score: verdict.feature.score,
    p_value: verdict.feature.pValue,
    ...Object.fromEntries(
      Object.entries(verdict.feature.scores).map(([name, score]) => [scoreColumn(name), score]),
    ),
    caption: verdict.semantic?.caption.text ?? null,
    semantic_reason: verdict.semantic?.reason ?? null,
    best_concept: best?.label ?? null,
    best_similarity: best?.similarity ?? null,
    matches: verdict.semantic ? JSON.stringify(verdict.semantic.matches) : null,
    nearest_normals: JSON.stringify(object.nearestNormals),
    reason: verdict.reason,
    crop_file: object.outlierFile ?? object.file,
  };
}

/** Columns of `images.parquet` and `outlier_images.csv`. */
export const IMAGE_COLUMNS: readonly ParquetColumn[] = [
  { name: 'image', type: 'STRING' },
  { name: 'image_index', type: 'INT32' },
  { name: 'width_px', type: 'INT32' },
  { name: 'height_px', type: 'INT32' },
  { name: 'objects', type: 'INT32' },
  { name: 'outlier', type: 'BOOLEAN' },
  { name: 'p_value', type: 'DOUBLE' },
  { name: 'most_anomalous_crop', type: 'STRING' },
];

export function imageRow(image: ImageRecord): Record<string, unknown> {
  return {
    image: image.imageId,
    image_index: image.imageIndex,
    width_px: image.widthPx,
    height_px: image.heightPx,
    objects: image.objects,
    outlier: image.verdict?.outlier ?? null,
    p_value: image.verdict?.pValue ?? null,
    most_anomalous_crop: image.verdict?.cropId ?? null,
  };
}
