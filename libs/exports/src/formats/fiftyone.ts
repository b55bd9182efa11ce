import { join } from 'node:path';
import type { ExportTarget, FormatWriter } from '../format-writer.js';
import { JsonStream } from '../json-stream.js';
import { attributesOf, imageFile, type ExportedImage } from '../run-images.js';

/**
 * FiftyOne's `FiftyOneImageDetectionDataset`: `labels.json` with boxes as shares of the image (x, y, width, height), and
 * `data.json`, which says where each image lies, so that none is copied.
 */
export async function fiftyOneWriter({ out, classNames, inputFolder }: ExportTarget): Promise<FormatWriter> {
  const labels = await JsonStream.open(
    join(out, 'labels.json'),
    `{"classes": ${JSON.stringify(classNames)},\n"labels": {`,
  );
  const data = await JsonStream.open(join(out, 'data.json'), '{');
  let missing = 0;
  return {
    add: async ({ number, image, objects }: ExportedImage) => {
      const file = await imageFile(inputFolder, image.imageId);
      if (file === null) {
        missing++;
        return;
      }
      const key = String(number).padStart(9, '0');
      const [width, height] = [image.widthPx, image.heightPx];
      await data.item(file, key);
      await labels.item(
        objects.map((object) => {
          const { x1, y1, x2, y2 } = object.box;
          return {
            label: object.className,
            bounding_box: [x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height],
            confidence: object.confidence,
            attributes: { ...attributesOf(object), image: image.imageId },
          };
        }),
        key,
      );
    },
    close: async () => {
      await labels.close('\n}}\n');
      await data.close('\n}\n');
      return missing > 0
        ? [`${missing} images were skipped: they are not files where the run read them`]
        : [];
    },
  };
}
