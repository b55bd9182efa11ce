import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SHARED = fileURLToPath(new URL('../../../../shared/', import.meta.url));

export const sharedModel = (file: string): string => join(SHARED, 'models', file);
export const cocoFolder = join(SHARED, 'data', 'coco128');

/** `test`, or `test.skip` with the reason on standard error where files outside the repository are absent. */
export function testWith(...paths: string[]): typeof test {
  const absent = paths.filter((path) => !existsSync(path));
  if (absent.length === 0) return test;
  process.stderr.write(`skipped: real data is not there (${absent.join(', ')})\n`);
  return test.skip as typeof test;
}

/** A label of `data/coco128`: class and box relative to the image's sides. */
export interface CocoLabel {
  readonly classId: number;
  readonly cx: number;
  readonly cy: number;
  readonly width: number;
  readonly height: number;
}

/** Labels by image name without its extension; images without objects have none. */
export function cocoLabels(): Map<string, CocoLabel[]> {
  const folder = join(cocoFolder, 'labels');
  return new Map(
    readdirSync(folder).map((file) => [
      file.replace(/\.txt$/, ''),
      readFileSync(join(folder, file), 'utf8')
        .split('\n')
        .filter((line) => line.trim() !== '')
        .map((line) => {
          const [classId, cx, cy, width, height] = line.trim().split(/\s+/).map(Number);
          return { classId: classId!, cx: cx!, cy: cy!, width: width!, height: height! };
        }),
    ]),
  );
}
