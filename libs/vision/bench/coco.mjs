/** Shared by the measuring scripts: labelled photos of `../shared/data/coco128`, decoded. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SharpImageDecoder, walkImages } from '@hazure/vision';

export const sharedDir = fileURLToPath(new URL('../../../../shared/', import.meta.url));
export const sharedModel = (file) => join(sharedDir, 'models', file);

/** Every photo with its labels as pixel boxes: `[{ image, labels: [{ classId, box }] }]`. */
export async function loadCoco() {
  const folder = join(sharedDir, 'data', 'coco128');
  const decoder = new SharpImageDecoder();
  const photos = [];
  for (const ref of await walkImages(join(folder, 'images'))) {
    const image = await decoder.decode(ref);
    const file = join(folder, 'labels', ref.id.replace(/\.\w+$/, '.txt'));
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
    const labels = lines.filter(Boolean).map((line) => {
      const [classId, cx, cy, w, h] = line.split(' ').map(Number);
      const box = {
        x1: (cx - w / 2) * image.widthPx,
        y1: (cy - h / 2) * image.heightPx,
        x2: (cx + w / 2) * image.widthPx,
        y2: (cy + h / 2) * image.heightPx,
      };
      return { classId, box };
    });
    photos.push({ image, labels });
  }
  return photos;
}
