import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { writeAtomic } from '@hazure/run-store';
import type { ExportTarget, FormatWriter } from '../format-writer.js';
import { FileNames, imageFile, type ExportedImage, type ExportedObject } from '../run-images.js';

const NORMAL = '#1f9d55';
const OUTLIER = '#e03131';
const JPEG_QUALITY = 90;

/** Whole images with boxes: outliers red and thick, with class and p-value; normal objects green. */
export async function annotatedWriter({ out, inputFolder }: ExportTarget): Promise<FormatWriter> {
  const names = new FileNames();
  let [missing, changed] = [0, 0];
  return {
    add: async ({ image, objects }: ExportedImage) => {
      const file = await imageFile(inputFolder, image.imageId);
      if (file === null) {
        missing++;
        return;
      }
      const size = { width: image.widthPx, height: image.heightPx };
      const drawn = await sharp(file)
        .autoOrient()
        .flatten({ background: '#ffffff' })
        .toColourspace('srgb')
        .png({ compressionLevel: 0 })
        .toBuffer({ resolveWithObject: true })
        .catch(() => null);
      // another image by now: its boxes would lie
      if (drawn === null || drawn.info.width !== size.width || drawn.info.height !== size.height) {
        changed++;
        return;
      }
      const bytes = await sharp(drawn.data)
        .composite([{ input: Buffer.from(overlay(objects, size)) }])
        .jpeg({ quality: JPEG_QUALITY })
        .toBuffer();
      const path = join(out, `${names.of(image.imageId)}.jpg`);
      await mkdir(dirname(path), { recursive: true });
      await writeAtomic(path, bytes);
    },
    close: async () => [
      ...(missing > 0 ? [`${missing} images were skipped: they are not files where the run read them`] : []),
      ...(changed > 0
        ? [`${changed} images were skipped: they can't be read, or are of another size by now`]
        : []),
    ],
  };
}

/** Normal boxes first, so that outliers lie above them. */
function overlay(
  objects: readonly ExportedObject[],
  { width, height }: { width: number; height: number },
): string {
  const unit = Math.max(1, Math.min(width, height) / 300);
  const ordered = [...objects].sort(
    (a, b) => Number(a.verdict?.outlier ?? 0) - Number(b.verdict?.outlier ?? 0),
  );
  const shapes = ordered.map(({ box, className, verdict }) => {
    const outlier = verdict?.outlier === true;
    const colour = outlier ? OUTLIER : NORMAL;
    const stroke = unit * (outlier ? 2.2 : 1.1);
    const { x1, y1, x2, y2 } = box;
    const inset = stroke / 2;
    const frame =
      `<rect x="${x1 + inset}" y="${y1 + inset}" width="${Math.max(1, x2 - x1 - stroke)}" ` +
      `height="${Math.max(1, y2 - y1 - stroke)}" fill="none" stroke="${colour}" stroke-width="${stroke}"/>`;
    if (!outlier) return frame;
    const text = `${className} p=${verdict.feature.pValue.toPrecision(2)}`;
    const letter = 9 * unit;
    const top = y1 >= letter * 1.4 ? y1 - letter * 1.4 : y1;
    return (
      `${frame}<rect x="${x1}" y="${top}" width="${text.length * letter * 0.62}" height="${letter * 1.4}" fill="${colour}"/>` +
      `<text x="${x1 + letter * 0.25}" y="${top + letter * 1.05}" font-family="sans-serif" font-size="${letter}" fill="#fff">${escape(text)}</text>`
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${shapes.join('')}</svg>`;
}

/** Text of an SVG element. */
function escape(text: string): string {
  const plain = text.replace(/\p{Cc}/gu, ' ');
  return plain.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
