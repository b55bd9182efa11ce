import { mkdir } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { writeAtomic } from '@hazure/run-store';
import type { ExportTarget, FormatWriter } from '../format-writer.js';
import { FileNames, attributesOf, imageFile, type ExportedImage } from '../run-images.js';

/** The version of LabelMe whose files these are like. */
const VERSION = '5.5.0';

/**
 * LabelMe: a JSON file an image, rectangles by two corners. `imagePath` leads from that file to the image where it is
 * still there; an outlier has the flag of that name, and its reason as the description.
 */
export async function labelMeWriter({ out, inputFolder }: ExportTarget): Promise<FormatWriter> {
  const names = new FileNames();
  let missing = 0;
  return {
    add: async ({ image, objects }: ExportedImage) => {
      const path = join(out, `${names.of(image.imageId)}.json`);
      const file = await imageFile(inputFolder, image.imageId);
      if (file === null) missing++;
      const document = {
        version: VERSION,
        flags: image.verdict ? { outlier: image.verdict.outlier } : {},
        shapes: objects.map((object) => {
          const { x1, y1, x2, y2 } = object.box;
          const { outlier, reason } = object.verdict ?? {};
          return {
            label: object.className,
            points: [
              [x1, y1],
              [x2, y2],
            ],
            group_id: null,
            description: reason ?? '',
            shape_type: 'rectangle',
            flags: outlier === undefined ? {} : { outlier },
            attributes: attributesOf(object),
          };
        }),
        imagePath: file === null ? image.imageId : relative(dirname(path), file).split(sep).join('/'),
        imageData: null,
        imageHeight: image.heightPx,
        imageWidth: image.widthPx,
      };
      await mkdir(dirname(path), { recursive: true });
      await writeAtomic(path, `${JSON.stringify(document, null, 2)}\n`);
    },
    close: async () =>
      missing > 0 ? [`${missing} images are not where the run read them; their files name them by id`] : [],
  };
}
