import { join } from 'node:path';
import { IMAGE_COLUMNS, imageRow, objectColumns, objectRow, type ObjectResult } from '@hazure/contracts';
import { CsvWriter } from '@hazure/run-store';
import type { ExportTarget, FormatWriter } from '../format-writer.js';
import type { ExportedImage, ExportedObject } from '../run-images.js';

/** `objects.csv` and `images.csv`: every record, by the columns of the run's own tables. */
export async function csvWriter({ run, out }: ExportTarget): Promise<FormatWriter> {
  const scorers = await scorersOf(run);
  const columns = objectColumns(scorers).map(({ name }) => name);
  const objects = await CsvWriter.open(join(out, 'objects.csv'), columns, () => undefined);
  const images = await CsvWriter.open(
    join(out, 'images.csv'),
    IMAGE_COLUMNS.map(({ name }) => name),
    () => undefined,
  );
  return {
    add: async ({ image, objects: own }: ExportedImage) => {
      await images.write(imageRow(image));
      for (const object of own) await objects.write(rowOf(object));
    },
    close: async () => {
      await objects.close();
      await images.close();
      return [];
    },
  };
}

/** Names of a detection's scorers; a baseline's objects have no scores. */
async function scorersOf(run: ExportTarget['run']): Promise<string[]> {
  if (run.manifest?.kind === 'baseline') return [];
  const objects = run.objects();
  const first = await objects.next();
  await objects.return(undefined);
  return first.done ? [] : Object.keys(first.value.verdict.feature.scores);
}

function rowOf(object: ExportedObject): Record<string, unknown> {
  if (object.verdict) return objectRow(object as ObjectResult);
  const {
    cropId,
    imageId,
    imageIndex,
    imageWidthPx,
    imageHeightPx,
    classId,
    className,
    confidence,
    box,
    file,
  } = object;
  return {
    crop_id: cropId,
    image: imageId,
    image_index: imageIndex,
    image_width_px: imageWidthPx,
    image_height_px: imageHeightPx,
    class_id: classId,
    class_name: className,
    confidence,
    ...box,
    crop_file: file,
  };
}
