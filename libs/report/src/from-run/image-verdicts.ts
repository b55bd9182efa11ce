import type { DetectionStatistics } from '@hazure/contracts';
import type { RunReader } from '@hazure/run-store';
import { DEFAULT_CAPS, type ImageVerdictsView } from '../model.js';

type Row = ImageVerdictsView['rows'][number];

/** Outlier images, lowest p-values first, as many as a page shows; null where the baseline can't judge images. */
export async function imageVerdicts(
  run: RunReader,
  { judgedBy, images, imageOutliers, expectedFalseAlarmShare }: DetectionStatistics,
): Promise<ImageVerdictsView | null> {
  if (imageOutliers === null) return null;
  const rows: Row[] = [];
  for await (const { imageId, objects, verdict } of run.images()) {
    if (!verdict?.outlier) continue;
    rows.push({ imageId, objects, pValue: verdict.pValue, cropId: verdict.cropId });
    if (rows.length >= 2 * DEFAULT_CAPS.tableRows) trim(rows);
  }
  trim(rows);
  return { judgedBy, images, outliers: imageOutliers, expectedShare: expectedFalseAlarmShare, rows };
}

function trim(rows: Row[]): void {
  rows.sort((a, b) => a.pValue - b.pValue);
  rows.length = Math.min(rows.length, DEFAULT_CAPS.tableRows);
}
