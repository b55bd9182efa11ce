import type { HeadSpec, MaskSpec } from '@hazure/native-engine';
import type { OnnxValue } from '../../onnx/model.js';
import type { HeadFacts, HeadReading } from './facts.js';
import { isFloat, MOST_TABLE_ROWS, numberAt, prototypesOf, pyramidOf, shown, stepBehind } from './facts.js';

type YoloFacts = HeadFacts & {
  readonly output: OnnxValue;
  /** Named in the head where the model has other outputs that could be meant. */
  readonly named: { readonly output?: string };
  readonly masks: MaskSpec | null;
};

/** NanoDet's distributions have 8 bins a side, in older exports 11. */
const NANODET_BINS = [8, 11];

/** Outputs of three dimensions, each with what one network or another means by them. */
export function readGrids(facts: HeadFacts): HeadReading[] {
  const flat = facts.summary.outputs.filter((value) => value.dims.length === 3 && isFloat(value));
  const prototypes = prototypesOf(facts);
  return flat.flatMap((output) => {
    const named = facts.summary.outputs.length > 1 ? { output: output.name } : {};
    const masks = prototypes
      ? { coefficients: prototypes.count, prototypesOutput: prototypes.output.name }
      : null;
    const yolo: YoloFacts = { ...facts, output, named, masks };
    return [...readColumns(yolo), ...readRows(yolo)];
  });
}

const coefficientsOf = ({ masks }: YoloFacts): number => masks?.coefficients ?? 0;
const withMasks = (facts: YoloFacts): { masks?: MaskSpec } => (facts.masks ? { masks: facts.masks } : {});

/** Attributes before anchors: `[N, 4 + classes (+ coefficients), anchors]`, YOLOv8 and its successors. */
function readColumns(facts: YoloFacts): HeadReading[] {
  const { output, inputPx, classCount } = facts;
  const rows = numberAt(output, 1);
  const anchors = numberAt(output, 2);
  if (rows === null || rows <= 4 + coefficientsOf(facts)) return [];
  const classes = rows - 4 - coefficientsOf(facts);
  const grid = pyramidOf(anchors, inputPx, 1);
  // Where the file names its classes, their number settles what an unusual or open grid leaves open.
  if (!grid && !(classCount === classes && (anchors === null || anchors > MOST_TABLE_ROWS))) return [];
  // The columns of a grid's cells are joined last; its rows are transposed last.
  if (stepBehind(facts.summary, output.name)?.opType === 'Transpose' && pyramidOf(rows, inputPx, 1))
    return [];
  return [
    {
      head: { kind: 'yolov8', classes, ...facts.named, ...withMasks(facts) },
      preparation: 'ultralytics',
      family: 'YOLOv8 or a successor',
      from: 'shapes',
      because: `output ${shown(output)}: 4 + ${classes}${maskText(facts)} by ${grid ? `the cells of strides ${grid.join(', ')}` : 'anchors'}`,
    },
  ];
}

const maskText = ({ masks }: YoloFacts): string =>
  masks ? ` + ${masks.coefficients} coefficients of the prototypes ${masks.prototypesOutput}` : '';

/** Anchors before attributes: `[N, anchors, attributes]`. */
function readRows(facts: YoloFacts): HeadReading[] {
  const { output, inputPx } = facts;
  const rows = numberAt(output, 1);
  const columns = numberAt(output, 2);
  if (columns === null || columns <= 5) return [];
  const threefold = pyramidOf(rows, inputPx, 3);
  if (threefold)
    return [
      decodedRows(facts, 'YOLOv5 or YOLOv7', `three anchors in each cell of strides ${threefold.join(', ')}`),
    ];
  const grid = pyramidOf(rows, inputPx, 1);
  const transposed = stepBehind(facts.summary, output.name)?.opType === 'Transpose';
  if (grid && pyramidOf(columns, inputPx, 1) && !transposed) return [];
  if (grid) return readCells(facts, grid);
  if (rows === null) return readOpenRows(facts);
  return [];
}

function decodedRows(facts: YoloFacts, family: string, because: string): HeadReading {
  const classes = numberAt(facts.output, 2)! - 5 - coefficientsOf(facts);
  return {
    head: { kind: 'yolov5', classes, ...facts.named, ...withMasks(facts) },
    preparation: 'ultralytics',
    family,
    from: 'shapes',
    because: `output ${shown(facts.output)}: 5 + ${classes}${maskText(facts)}, ${because}`,
  };
}

/** What stands behind an output's last transposition: how many pieces were joined there. */
function joinedPieces({ summary, output }: YoloFacts): number | null {
  const last = stepBehind(summary, output.name);
  if (last?.opType !== 'Transpose') return null;
  const joined = stepBehind(summary, last.inputs[0] ?? '');
  return joined?.opType === 'Concat' ? joined.inputs.length : 0;
}

/** One anchor a cell: undecoded (YOLOX, NanoDet-Plus) or decoded (YOLOv6, YOLOv8 transposed). */
function readCells(facts: YoloFacts, strides: readonly number[]): HeadReading[] {
  const { output } = facts;
  const columns = numberAt(output, 2)!;
  const pieces = joinedPieces(facts);
  const where = `output ${shown(output)}, one row for each cell of strides ${strides.join(', ')}`;
  const raw = pieces === strides.length || pieces === 0;
  const readings: HeadReading[] = [];
  if (raw && !facts.masks) {
    readings.push(yoloxReading(facts, strides, `${where}, straight from a transpose`));
    readings.push(...nanodetReadings(facts, strides, where));
  }
  if (pieces === null) {
    readings.push(
      decodedRows(facts, 'decoded boxes with objectness (YOLOv6, YOLOX decoded)', 'one for each cell'),
    );
    if (!facts.masks)
      readings.push(yoloxReading(facts, strides, where), ...nanodetReadings(facts, strides, where));
  }
  const classes = columns - 4;
  // YOLOv8's decoder joins two pieces, boxes and scores, before it is transposed.
  if (
    classes > 0 &&
    !facts.masks &&
    (pieces === 2 || pieces === null || (pieces === 0 && facts.classCount === classes))
  ) {
    readings.push({
      head: sideBySide(classes, output.name, 'pixels', 'none', true),
      preparation: 'ultralytics',
      family: 'YOLOv8 transposed',
      from: 'shapes',
      because: `${where}: 4 + ${classes}`,
    });
  }
  return readings;
}

function sideBySide(
  classes: number,
  name: string,
  boxUnits: 'pixels' | 'unit',
  activation: 'none',
  suppress: boolean,
): HeadSpec {
  return {
    kind: 'boxes',
    classes,
    boxesOutput: name,
    scoresOutput: name,
    boxFormat: 'cxcywh',
    boxUnits,
    activation,
    suppress,
  };
}

function yoloxReading(facts: YoloFacts, strides: readonly number[], because: string): HeadReading {
  return {
    head: { kind: 'yolox', classes: numberAt(facts.output, 2)! - 5, strides, ...facts.named },
    preparation: 'yolox',
    family: 'YOLOX',
    from: 'shapes',
    because,
  };
}

function nanodetReadings(facts: YoloFacts, strides: readonly number[], because: string): HeadReading[] {
  return NANODET_BINS.flatMap((bins) => {
    const classes = numberAt(facts.output, 2)! - 4 * bins;
    // Without names only COCO's number of classes speaks for it: any width of columns would fit.
    if (classes < 1 || classes !== (facts.classCount ?? 80)) return [];
    const name = [facts.output.name];
    return [
      {
        head: {
          kind: 'nanodet',
          classes,
          strides,
          regMax: bins - 1,
          scoreOutputs: name,
          distanceOutputs: name,
        },
        preparation: 'nanodet',
        family: 'NanoDet-Plus',
        from: 'shapes',
        because: `${because}: ${classes} scores and 4 × ${bins} of distances`,
      } satisfies HeadReading,
    ];
  });
}

/** `[N, ?, columns]`: only the number of class names can tell. */
function readOpenRows(facts: YoloFacts): HeadReading[] {
  const columns = numberAt(facts.output, 2)!;
  const count = facts.classCount;
  if (count === null) return [];
  const pieces = joinedPieces(facts);
  if (count === columns - 5 - coefficientsOf(facts)) {
    return pieces !== null && pieces > 2
      ? [yoloxReading(facts, [8, 16, 32], `output ${shown(facts.output)}, straight from a transpose`)]
      : [decodedRows(facts, 'YOLOv5 or YOLOv7', `as many as there are names`)];
  }
  if (count === columns - 4 && !facts.masks && facts.endToEnd !== true) {
    return [
      {
        head: sideBySide(count, facts.output.name, 'pixels', 'none', true),
        preparation: 'ultralytics',
        family: 'YOLOv8 transposed',
        from: 'shapes',
        because: `output ${shown(facts.output)}: 4 + ${count}`,
      },
    ];
  }
  return [];
}
