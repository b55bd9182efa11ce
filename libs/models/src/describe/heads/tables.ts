import type { OnnxValue } from '../../onnx/model.js';
import type { HeadFacts, HeadReading } from './facts.js';
import {
  isFloat,
  MOST_TABLE_ROWS,
  numberAt,
  prototypesOf,
  pyramidOf,
  shown,
  UNKNOWN_CLASSES,
} from './facts.js';

/** Rows of a finished table in every export known: a round number. */
const ROUND = 50;

/** Finished tables and set predictions in one output of rows. */
export function readTables(facts: HeadFacts): HeadReading[] {
  return facts.summary.outputs
    .filter(isFloat)
    .flatMap((output) =>
      output.dims.length === 2
        ? readBatchedRows(output, facts)
        : output.dims.length === 3
          ? readRows(output, facts)
          : [],
    );
}

/** YOLOv7's export with suppression: image, corners, class, score. */
function readBatchedRows(output: OnnxValue, facts: HeadFacts): HeadReading[] {
  if (numberAt(output, 1) !== 7) return [];
  return [
    {
      head: {
        kind: 'table',
        classes: facts.classCount ?? UNKNOWN_CLASSES,
        boxesOutput: output.name,
        columns: { image: 0, box: 1, class: 5, score: 6 },
        boxFormat: 'xyxy',
        boxUnits: 'pixels',
      },
      preparation: 'ultralytics',
      family: 'YOLOv7 with its suppression',
      from: 'shapes',
      because: `output ${shown(output)}: image, box, class and score in a row`,
    },
  ];
}

function readRows(output: OnnxValue, facts: HeadFacts): HeadReading[] {
  const rows = numberAt(output, 1);
  const columns = numberAt(output, 2);
  if (columns === null || columns < 5 || (facts.endToEnd === false && rows === null)) return [];
  if (!canBeTable(rows, facts)) return [];
  const prototypes = prototypesOf(facts);
  const readings: HeadReading[] = [];
  const coefficients = prototypes?.count ?? 0;
  if (columns === 6 + coefficients && !saysRtDetr(facts)) {
    readings.push({
      head: {
        kind: 'table',
        classes: facts.classCount ?? UNKNOWN_CLASSES,
        boxesOutput: output.name,
        boxFormat: 'xyxy',
        boxUnits: 'pixels',
        ...(prototypes ? { masks: { coefficients, prototypesOutput: prototypes.output.name } } : {}),
      },
      preparation: 'ultralytics',
      family: 'a finished table (YOLOv10, YOLO26, or suppression in the graph)',
      from: facts.endToEnd === true || saysYolo(facts) ? 'metadata' : 'shapes',
      because: `output ${shown(output)}: corners in pixels, score and class in a row${facts.endToEnd === true ? '; its metadata says end to end' : ''}`,
    });
  }
  // Queries are a round number too, and their columns no grid's cells.
  const queries = rows !== null && rows % ROUND === 0 && !pyramidOf(columns, facts.inputPx, 1);
  const alone = facts.summary.outputs.filter((other) => other.dims.length === 3).length === 1;
  if (alone && !prototypes && (queries || saysRtDetr(facts)) && !saysYolo(facts) && facts.endToEnd !== true) {
    readings.push({
      head: {
        kind: 'boxes',
        classes: columns - 4,
        boxesOutput: output.name,
        scoresOutput: output.name,
        boxFormat: 'cxcywh',
        boxUnits: 'unit',
        activation: 'none',
        suppress: false,
      },
      preparation: 'stretched-opencv',
      family: "Ultralytics' RT-DETR",
      from: saysRtDetr(facts) ? 'metadata' : 'shapes',
      because: `output ${shown(output)}: 4 + ${columns - 4} by ${rows} queries, too few for the cells of a grid`,
    });
  }
  return readings;
}

const saysRtDetr = ({ description }: HeadFacts): boolean => /rt-?detr/i.test(description ?? '');
/** Ultralytics names the network that it exports. */
const saysYolo = ({ description }: HeadFacts): boolean => /yolo/i.test(description ?? '');

/** Whether so many rows can be those of a table: no grid of cells gives their number, unless it is a round one too. */
function canBeTable(rows: number | null, facts: HeadFacts): boolean {
  if (rows === null) return facts.endToEnd === true;
  if (rows > MOST_TABLE_ROWS) return false;
  const grid = pyramidOf(rows, facts.inputPx, 1) ?? pyramidOf(rows, facts.inputPx, 3);
  return grid === null || rows % ROUND === 0;
}
