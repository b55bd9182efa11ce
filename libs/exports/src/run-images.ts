import { stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve } from 'node:path';
import { InputError, type CropRecord, type ImageRecord, type Verdict } from '@hazure/contracts';
import type { RunReader } from '@hazure/run-store';

/** An object as exports see it; a baseline's have no verdict. */
export type ExportedObject = CropRecord & { readonly verdict?: Verdict };

/** An image with its objects. */
export interface ExportedImage {
  /** 0-based, in the order of the run. */
  readonly number: number;
  readonly image: ImageRecord;
  readonly objects: readonly ExportedObject[];
}

/**
 * Images of a run, each with its objects, one in memory at a time.
 * @throws InputError ARTIFACT_… for a run that can't be read, or whose lists don't fit each other
 */
export async function* imagesOf(run: RunReader): AsyncGenerator<ExportedImage> {
  const stream: AsyncGenerator<ExportedObject> =
    run.manifest?.kind === 'baseline' ? run.crops() : run.objects();
  let next = await stream.next();
  let number = 0;
  for await (const image of run.images()) {
    const objects: ExportedObject[] = [];
    for (; !next.done && next.value.imageId === image.imageId; next = await stream.next()) {
      objects.push(next.value);
    }
    yield { number: number++, image, objects };
  }
  if (next.done) return;
  throw new InputError(
    'ARTIFACT_INVALID',
    `${run.folder}: the object ${next.value.cropId} is of an image that images.jsonl does not list there`,
    { hint: 'Restore the folder, or make the run again.' },
  );
}

/** Names of classes, most frequent first, as the run's statistics have them. */
export async function classNamesOf(run: RunReader): Promise<string[]> {
  const { classes } =
    run.manifest?.kind === 'baseline' ? await run.classStatistics() : await run.statistics();
  return classes.map(({ className }) => className);
}

/**
 * Where an image lies, if it is a file that is still there. A run folder is outside data, so nothing above the folder
 * that ids are relative to is ever opened.
 */
export async function imageFile(inputFolder: string, imageId: string): Promise<string | null> {
  const path = resolve(inputFolder, imageId);
  const inner = relative(resolve(inputFolder), path);
  if (!isAbsolute(inputFolder) || inner === '' || inner.startsWith('..') || isAbsolute(inner)) return null;
  return stat(path).then(
    (info) => (info.isFile() ? path : null),
    () => null,
  );
}

/** Names of files for images: their ids, safe on every file system, without their extension, no two the same. */
export class FileNames {
  /** How many had to be told apart by more than their name. */
  changed = 0;
  private readonly taken = new Set<string>();

  of(imageId: string): string {
    const parts = imageId.replaceAll('\\', '/').split('/');
    const safe = parts
      // eslint-disable-next-line no-control-regex
      .map((part) => part.replace(/[<>:"|?*\u0000-\u001f]/g, '_'))
      .filter((part) => part !== '' && part !== '.')
      .map((part) => (part === '..' ? '_' : part))
      .join('/');
    const stem = safe.replace(/\.[^./]+$/, '') || 'image';
    let name = stem;
    for (let n = 2; this.taken.has(name.toLowerCase()); n++) name = `${stem}-${n}`;
    if (name !== stem) this.changed++;
    this.taken.add(name.toLowerCase());
    return name;
  }
}

/** Verdict as plain attributes, by the names of the tables. */
export function attributesOf({ cropId, verdict }: ExportedObject): Record<string, string | number | boolean> {
  if (!verdict) return { crop_id: cropId };
  const { feature, semantic, outlier, reason } = verdict;
  return {
    crop_id: cropId,
    outlier,
    feature_outlier: feature.outlier,
    ...(semantic ? { semantic_outlier: semantic.outlier, caption: semantic.caption.text } : {}),
    score: feature.score,
    p_value: feature.pValue,
    reason,
  };
}
