import { ModelError, messageOf } from '@hazure/contracts';
import { declarationPath } from './declaration.js';
import { NamesError, parseClassNames } from './names.js';

/** Facts that exporters (Ultralytics above all) write into `metadata_props`. */
export interface ExportMetadata {
  /** In class order, or null where the file names none. */
  readonly classNames: readonly string[] | null;
  /** What the file calls its first class. */
  readonly firstId: 0 | 1;
  /** Height and width, or null. */
  readonly inputPx: readonly [number, number] | null;
  readonly stridePx: number | null;
  /** `detect`, `segment`, `pose`, `obb`, `classify`, … or null. */
  readonly task: string | null;
  /** Whether suppression is inside: `end2end`, or `nms` among the export's arguments; null where nothing says. */
  readonly endToEnd: boolean | null;
  readonly licence: string | null;
  readonly description: string | null;
}

/**
 * @param declaredNames whether a declaration names the classes, so that the file's names are not needed
 * @throws ModelError `MODEL_INVALID` for names that can't be read: they are never replaced by others
 */
export function readExportMetadata(
  metadata: Readonly<Record<string, string>>,
  path: string,
  declaredNames: boolean,
): ExportMetadata {
  const size = sizesOf(metadata['imgsz']);
  const stride = Number(metadata['stride'] ?? NaN);
  const names = declaredNames ? null : readNames(metadata['names'], path);
  return {
    classNames: names?.names ?? null,
    firstId: names?.firstId ?? 0,
    inputPx: size,
    stridePx: Number.isInteger(stride) && stride > 0 ? stride : null,
    task: metadata['task']?.trim().toLowerCase() ?? (metadata['kpt_shape'] === undefined ? null : 'pose'),
    endToEnd: endToEndOf(metadata),
    licence: metadata['license'] ?? null,
    description: metadata['description'] ?? null,
  };
}

/** `640`, `[640, 640]`, `(480, 640)`, `640x480` is no form of it. Height first, as the exporter writes it. */
function sizesOf(text: string | undefined): [number, number] | null {
  const match = /^[[(]?\s*(\d+)\s*(?:,\s*(\d+)\s*)?,?\s*[\])]?$/.exec(text?.trim() ?? '');
  if (!match) return null;
  const height = Number(match[1]);
  const width = Number(match[2] ?? match[1]);
  return height > 0 && width > 0 ? [height, width] : null;
}

function endToEndOf(metadata: Readonly<Record<string, string>>): boolean | null {
  const said = metadata['end2end'] ?? /['"]?nms['"]?\s*:\s*(true|false)/i.exec(metadata['args'] ?? '')?.[1];
  return said === undefined ? null : said.trim().toLowerCase() === 'true';
}

function readNames(text: string | undefined, path: string): { names: string[]; firstId: 0 | 1 } | null {
  if (text === undefined || text.trim() === '') return null;
  try {
    return parseClassNames(text);
  } catch (cause) {
    if (!(cause instanceof NamesError)) throw cause;
    const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
    throw new ModelError(
      'MODEL_INVALID',
      `The class names in the metadata of ${path} can't be read: ${messageOf(cause)}; they are ${shown}`,
      {
        hint: `Name the classes in ${declarationPath(path)}: {"detector":{"classNames":["first","second"]}}`,
        cause,
      },
    );
  }
}
