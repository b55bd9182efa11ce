import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CsvWriter, writeAtomic } from '@hazure/run-store';
import type { ExportTarget, FormatWriter } from '../format-writer.js';
import { FileNames, attributesOf, type ExportedImage } from '../run-images.js';

const COLUMNS = [
  'label_file',
  'line',
  'image',
  'crop_id',
  'outlier',
  'feature_outlier',
  'semantic_outlier',
  'score',
  'p_value',
  'reason',
];

/**
 * Darknet / Ultralytics labels: `labels/<image>.txt` with `class x y width height` a line, centre and size as shares of
 * the image; names in `data.yaml`. Such lines have no room for verdicts, which stand in `verdicts.csv` by file and line.
 */
export async function yoloWriter({ out, classNames, inputFolder }: ExportTarget): Promise<FormatWriter> {
  const names = new FileNames();
  const numberOf = new Map(classNames.map((name, i) => [name, i]));
  const verdicts = await CsvWriter.open(join(out, 'verdicts.csv'), COLUMNS, () => undefined);
  const list = classNames.map((name, i) => `  ${i}: ${JSON.stringify(name)}\n`).join('');
  await writeAtomic(
    join(out, 'data.yaml'),
    `# images are where the run read them\npath: ${JSON.stringify(inputFolder)}\ntrain: .\nval: .\nnames:${list === '' ? ' {}\n' : `\n${list}`}`,
  );
  const share = (part: number, whole: number): string => String(Number((part / whole).toFixed(8)));
  return {
    add: async ({ image, objects }: ExportedImage) => {
      const name = `labels/${names.of(image.imageId)}.txt`;
      const { widthPx: width, heightPx: height } = image;
      const lines: string[] = [];
      for (const object of objects) {
        const { x1, y1, x2, y2 } = object.box;
        const place = [
          share((x1 + x2) / 2, width),
          share((y1 + y2) / 2, height),
          share(x2 - x1, width),
          share(y2 - y1, height),
        ];
        lines.push(`${numberOf.get(object.className) ?? -1} ${place.join(' ')}\n`);
        if (!object.verdict) continue;
        await verdicts.write({
          ...attributesOf(object),
          label_file: name,
          line: lines.length,
          image: image.imageId,
        });
      }
      await mkdir(dirname(join(out, name)), { recursive: true });
      await writeAtomic(join(out, name), lines.join(''));
    },
    close: async () => {
      await verdicts.close();
      return names.changed > 0
        ? [`${names.changed} label files have another name than their image, whose name was taken already`]
        : [];
    },
  };
}
