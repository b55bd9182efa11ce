import type { HeadSpec } from '@hazure/native-engine';
import { EVIDENCE } from '../conclusion.js';
import { ambiguous } from '../conclusion.js';
import type { HeadFacts, HeadReading } from './facts.js';
import { readGrids } from './grids.js';
import { readDetr, readMmDeploy, readNamedTable, readPaddle, readRfDetr } from './named.js';
import { readNanodet } from './nanodet.js';
import { readTables } from './tables.js';

const RULES: readonly ((facts: HeadFacts) => HeadReading[])[] = [
  readDetr,
  readRfDetr,
  readMmDeploy,
  readNamedTable,
  readPaddle,
  readNanodet,
  readGrids,
  readTables,
];

/** Every way to read the outputs that the strongest evidence leaves, without repetition. */
export function headReadings(facts: HeadFacts): HeadReading[] {
  const all = RULES.flatMap((rule) => rule(facts));
  const counted = all.filter(({ head }) => facts.classCount === null || head.classes === facts.classCount);
  // None with that many classes: the count is told of the reading itself, later and with the names.
  const fitting = counted.length > 0 ? counted : all;
  // Without names only COCO's counts can be completed: another count would be asked for its names anyway.
  const completed =
    facts.classCount === null ? fitting.filter(({ head }) => COCO_COUNTS.includes(head.classes)) : [];
  return strongestOf(completed.length > 0 ? completed : fitting);
}

/** COCO's classes, and its category ids. */
const COCO_COUNTS = [80, 91];

function strongestOf(fitting: readonly HeadReading[]): HeadReading[] {
  const strongest = EVIDENCE.find((evidence) => fitting.some(({ from }) => from === evidence));
  const seen = new Set<string>();
  return fitting.filter(({ head, from }) => {
    const key = JSON.stringify(head);
    if (from !== strongest || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/**
 * The one way in which the outputs can be read; null where none is known.
 *
 * @throws ModelError `MODEL_AMBIGUOUS` with the declarations to choose from, where several fit alike
 */
export function chooseHead(facts: HeadFacts, path: string): HeadReading | null {
  const readings = headReadings(facts);
  if (readings.length < 2) return readings[0] ?? null;
  throw ambiguous(
    path,
    readings[0]!.because,
    readings.map(({ family, head }) => ({
      reading: `${family}, ${head.classes === 0 ? 'classes to be named' : `${head.classes} classes`}`,
      declaration: { detector: { head: declarable(head) } },
    })),
  );
}

/** A head as one declares it; the class count of a table is that of its names. */
function declarable(head: HeadSpec): object {
  const { classes, ...rest } = head;
  return classes === 0 ? rest : { ...rest, classes };
}
