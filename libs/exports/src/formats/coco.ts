import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AtomicStream } from '@hazure/run-store';
import type { ExportTarget, FormatWriter } from '../format-writer.js';
import { JsonStream } from '../json-stream.js';
import { attributesOf, type ExportedImage } from '../run-images.js';

/**
 * COCO object detection (cocodataset.org/#format-data): `annotations.json`. Ids count from 1; boxes are x, y, width,
 * height in pixels. `score` is the detector's confidence; verdicts are `attributes`, which readers pass over or show.
 */
export async function cocoWriter({ run, out, classNames }: ExportTarget): Promise<FormatWriter> {
  const head = {
    info: { description: `hazure ${run.name}`, date_created: run.manifest?.createdAt ?? '' },
    licenses: [],
    categories: classNames.map((name, i) => ({ id: i + 1, name, supercategory: '' })),
  };
  const path = join(out, 'annotations.json');
  const json = await JsonStream.open(path, `${JSON.stringify(head).slice(0, -1)},\n"images": [`);
  // both lists grow as images pass by, so the second one waits in a file of its own
  const waiting = join(out, 'annotations.part');
  const annotations = await AtomicStream.open(waiting);
  const idOf = new Map(classNames.map((name, i) => [name, i + 1]));
  let id = 0;
  let masks = 0;
  return {
    add: async ({ number, image, objects }: ExportedImage) => {
      await json.item({
        id: number + 1,
        file_name: image.imageId,
        width: image.widthPx,
        height: image.heightPx,
        ...(image.verdict
          ? { attributes: { outlier: image.verdict.outlier, p_value: image.verdict.pValue } }
          : {}),
      });
      for (const object of objects) {
        const { x1, y1, x2, y2 } = object.box;
        if (object.mask) masks++;
        const annotation = {
          id: ++id,
          image_id: number + 1,
          category_id: idOf.get(object.className) ?? 0,
          bbox: [x1, y1, x2 - x1, y2 - y1],
          area: (x2 - x1) * (y2 - y1),
          iscrowd: 0,
          segmentation: [],
          score: object.confidence,
          attributes: attributesOf(object),
        };
        await annotations.write(`${id === 1 ? '\n' : ',\n'}${JSON.stringify(annotation)}`);
      }
    },
    close: async () => {
      await annotations.close();
      await json.next('\n],\n"annotations": [');
      for await (const chunk of createReadStream(waiting)) await json.next(chunk as Buffer);
      await json.close('\n]}\n');
      await rm(waiting);
      return masks > 0 ? [`${masks} objects have masks, which are left out: boxes only`] : [];
    },
  };
}
