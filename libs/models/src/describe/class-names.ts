import type { ModelError } from '@hazure/contracts';
import type { HeadSpec } from '@hazure/native-engine';
import { COCO_CLASSES } from '../starter/coco-classes.js';
import type { Conclusion, Evidence } from './conclusion.js';
import { ambiguous, contradicted, unclear } from './conclusion.js';
import type { ModelDeclaration } from './declaration.js';
import { readConfigLabels } from './hub-configs.js';
import type { ExportMetadata } from './metadata.js';

/** Ids of COCO's categories run from 1 to 90; these eleven were never used. */
const COCO_GAPS = new Set([12, 26, 29, 30, 45, 66, 68, 69, 71, 83]);
const COCO_IDS = 91;

/** COCO's classes by category id, as DETR and RF-DETR number them; ids that stand for nothing are `N/A`. */
export const COCO_CATEGORIES: readonly string[] = (() => {
  const names = [...COCO_CLASSES];
  return Array.from({ length: COCO_IDS }, (_, id) =>
    id === 0 || COCO_GAPS.has(id) ? 'N/A' : names.shift()!,
  );
})();

export interface KnownNames {
  readonly list: readonly string[];
  readonly firstId: 0 | 1;
  readonly from: Evidence;
  readonly because: string;
}

/** The names of the classes as the strongest source gives them; null where none does. */
export async function knownNames(
  path: string,
  declared: ModelDeclaration,
  exported: ExportMetadata,
): Promise<KnownNames | null> {
  const declaredNames = declared.detector?.classNames;
  if (declaredNames) return { list: declaredNames, firstId: 0, from: 'declaration', because: 'declared' };
  if (exported.classNames) {
    const { classNames, firstId } = exported;
    const counted = firstId === 1 ? ', which counts from 1' : '';
    return { list: classNames, firstId, from: 'metadata', because: `the file's own names${counted}` };
  }
  const labels = await readConfigLabels(path);
  return labels
    ? { list: labels.names, firstId: labels.firstId, from: 'metadata', because: 'id2label of config.json' }
    : null;
}

/**
 * Names for every class of the head, and the head with the class count that its names settle.
 *
 * @throws ModelError where nothing names the classes, or as many names came as the head has not; a list is never
 *   taken in the place of another
 */
export function resolveClassNames(
  known: KnownNames | null,
  head: HeadSpec,
  path: string,
): { names: readonly string[]; head: HeadSpec; conclusion: Conclusion } {
  if (!known) return unnamed(head, path);
  const conclude = (
    names: readonly string[],
    settled: HeadSpec,
    more = '',
  ): ReturnType<typeof resolveClassNames> => ({
    names,
    head: settled,
    conclusion: {
      part: 'class names',
      value: shownNames(names),
      from: known.from,
      because: known.because + more,
    },
  });
  if (head.kind === 'table' && (head.classes === 0 || head.classes === known.list.length)) {
    const settled = { ...head, classes: known.list.length };
    if (known.firstId === 1 && head.firstClass === undefined) throw countedFrom(path, known.list, settled);
    return conclude(known.list, settled);
  }
  if (head.classes === known.list.length) return conclude(known.list, head);
  if (known.firstId === 1 && head.classes === known.list.length + 1)
    return conclude(['background', ...known.list], head, '; class 0 is the background');
  if (known.from === 'declaration')
    throw contradicted(path, `${known.list.length} class names`, `${head.classes} classes`);
  throw unclear(
    path,
    `it has ${head.classes} classes, but ${known.list.length} names came (${known.because})${otherTaskHint(head, known.list.length)}`,
    'detector.classNames',
    { detector: { classNames: ['first', 'second'] } },
  );
}

/** Names from 1, and a table whose numbers may begin at either end. */
function countedFrom(path: string, names: readonly string[], head: HeadSpec): ModelError {
  return ambiguous(
    path,
    'its names count from 1, and nothing says whether the numbers in its table do',
    [0, 1].map((firstClass) => ({
      reading: `the first class is number ${firstClass} in the table`,
      declaration: { detector: { head: { ...head, firstClass }, classNames: names } },
    })),
  );
}

function unnamed(head: HeadSpec, path: string): ReturnType<typeof resolveClassNames> {
  const usual = [COCO_CLASSES, COCO_CATEGORIES].find((list) => list.length === head.classes);
  if (!usual) {
    throw unclear(
      path,
      head.classes === 0
        ? 'nothing names its classes, and the numbers in its table do not say how many there are'
        : `nothing names its ${head.classes} classes`,
      'detector.classNames',
      { detector: { classNames: ['first', 'second'] } },
    );
  }
  return {
    names: usual,
    head,
    conclusion: {
      part: 'class names',
      value: "COCO's",
      from: 'default',
      because: `nothing names them, and there are ${usual.length}`,
    },
  };
}

/** What else an export would carry behind its classes. */
function otherTaskHint(head: HeadSpec, names: number): string {
  const more = head.classes - names;
  if (more === 1)
    return '; one number more is the angle of an oriented (obb) model, which hazure does not read';
  if (more > 0 && (more % 3 === 0 || more % 2 === 0) && more >= 8)
    return `; ${more} numbers more are the key points of a pose model, or mask coefficients without prototypes`;
  return '';
}

function shownNames(names: readonly string[]): string {
  const first = names
    .slice(0, 3)
    .map((name) => JSON.stringify(name))
    .join(', ');
  return `${names.length}: ${first}${names.length > 3 ? ', …' : ''}`;
}
