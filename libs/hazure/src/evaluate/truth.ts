import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { parse as parseCsv } from 'csv-parse/sync';
import { ConfigError, InputError, messageOf } from '@hazure/contracts';
import type { ImageIndex } from './image-index.js';

/** What is known of an image or of an object. */
export interface Truth {
  /** 1 = anomaly. */
  readonly label: 0 | 1;
  /** Kind of defect, or of product. */
  readonly category: string | undefined;
}

export interface RunTruth {
  /** By place in the index. */
  readonly images: ReadonlyMap<number, Truth>;
  /** By crop id. */
  readonly crops: ReadonlyMap<string, Truth>;
  /** Entries that name no image; they may be crops, or nothing of the run. */
  readonly notes: readonly string[];
}

const FOLDERS = 'folders:';
const LABELS: Readonly<Record<string, 0 | 1>> = {
  '0': 0,
  false: 0,
  normal: 0,
  good: 0,
  ok: 0,
  '1': 1,
  true: 1,
  anomaly: 1,
  anomalous: 1,
  outlier: 1,
  defect: 1,
};

/**
 * @param given path of a CSV file, or `folders:good=NAME[,NAME]`
 * @throws ConfigError for a folder rule that is none; InputError for a file that is no truth, or names images
 *   ambiguously
 */
export async function readTruth(given: string, images: ImageIndex): Promise<RunTruth> {
  return given.startsWith(FOLDERS) ? truthOfFolders(given, images) : truthOfFile(given, images);
}

/** An image below a folder of normal ones is normal; of any other, its folder at that depth names its defect. */
function truthOfFolders(rule: string, { ids }: Pick<ImageIndex, 'ids'>): RunTruth {
  const names = /^good=(.+)$/
    .exec(rule.slice(FOLDERS.length))?.[1]
    .split(',')
    .map((name) => name.trim());
  if (!names || names.some((name) => name === '')) {
    throw new ConfigError(`option truth: "${rule}" names no folders of normal images`, {
      hint: 'Write folders:good=NAME or folders:good=NAME,NAME.',
    });
  }
  const depths = new Map<number, number>();
  const foldersOf = (id: string): string[] => id.replaceAll('\\', '/').split('/').slice(0, -1);
  for (const id of ids) {
    const depth = foldersOf(id).findIndex((name) => names.includes(name));
    if (depth >= 0) depths.set(depth, (depths.get(depth) ?? 0) + 1);
  }
  const [usual] = [...depths].sort(([, a], [, b]) => b - a)[0] ?? [];
  const images = new Map<number, Truth>();
  let without = 0;
  ids.forEach((id, at) => {
    const folders = foldersOf(id);
    if (folders.some((name) => names.includes(name))) images.set(at, { label: 0, category: undefined });
    else if (folders.length > 0) {
      const category = (usual === undefined ? undefined : folders[usual]) ?? folders[folders.length - 1];
      images.set(at, { label: 1, category });
    } else without++;
  });
  const notes = without > 0 ? [`${without} images lie in no folder, so nothing is known of them`] : [];
  return { images, crops: new Map(), notes };
}

interface Row {
  readonly line: number;
  readonly id: string;
  readonly truth: Truth;
}

async function truthOfFile(path: string, index: ImageIndex): Promise<RunTruth> {
  const images = new Map<number, Truth>();
  const crops = new Map<string, Truth>();
  const firstLine = new Map<string | number, number>();
  for (const { line, id, truth } of await readRows(path)) {
    const at = index.find(id, `${path}, line ${line}`);
    const before = firstLine.get(at ?? id);
    if (before !== undefined) {
      throw new InputError(
        'INPUT_INVALID',
        `${path}: lines ${before} and ${line} name the same ${at === null ? `"${id}"` : `image "${index.ids[at]}"`}`,
        { hint: 'List each image or crop once.' },
      );
    }
    firstLine.set(at ?? id, line);
    if (at === null) crops.set(id, truth);
    else images.set(at, truth);
  }
  return { images, crops, notes: [] };
}

/** Columns `image`, `path` or `crop`, `label`, and optionally `category` or `defect`. */
async function readRows(path: string): Promise<Row[]> {
  let rows: { readonly record: Record<string, string>; readonly info: { readonly lines: number } }[];
  try {
    rows = parseCsv(await readFile(path, 'utf8'), {
      columns: true,
      bom: true,
      skip_empty_lines: true,
      trim: true,
      info: true,
    }) as unknown as typeof rows;
  } catch (cause) {
    throw new InputError('INPUT_INVALID', `Can't read the truth file ${path}: ${messageOf(cause)}`, {
      cause,
      hint: 'It must be a CSV file with the columns image (or crop) and label.',
    });
  }
  if (rows.length === 0) throw new InputError('INPUT_INVALID', `The truth file ${path} lists nothing`);
  return rows.map(({ record, info: { lines: line } }) => {
    const id = record['crop'] ?? record['crop_id'] ?? record['image'] ?? record['path'];
    const text = record['label'];
    if (!id || text === undefined) {
      throw new InputError('INPUT_INVALID', `${path}, line ${line} lacks image (or crop) or label`, {
        hint: 'The header must name the columns image (or crop) and label; label is 1 for an anomaly, else 0.',
      });
    }
    const label = labelOf(text);
    if (label === undefined) {
      throw new InputError('INPUT_INVALID', `${path}, line ${line}: label is "${text}", not 0 or 1`, {
        hint: 'label is 1 for an anomaly, else 0.',
      });
    }
    return { line, id, truth: { label, category: record['category'] || record['defect'] || undefined } };
  });
}

function labelOf(text: string): 0 | 1 | undefined {
  const name = text.toLowerCase();
  if (Object.hasOwn(LABELS, name)) return LABELS[name];
  const value = Number(text); // 1.0, as a data frame writes it
  return text !== '' && (value === 0 || value === 1) ? value : undefined;
}

/** Id without its extension. */
export function withoutExtension(path: string): string {
  const extension = posix.extname(path);
  return extension === '' ? path : path.slice(0, -extension.length);
}
