import type { BoxFormat, BoxUnits, HeadSpec } from '@hazure/native-engine';
import type { OnnxValue } from '../../onnx/model.js';
import type { HeadFacts, HeadReading } from './facts.js';
import { isFloat, numberAt, plainName, shown, UNKNOWN_CLASSES } from './facts.js';

/** Set predictors of the hub whose last class is "no object". */
const SOFTMAX_TYPES = new Set(['detr', 'table-transformer', 'yolos']);
/** What DETR gives for COCO: 91 numbers of classes and "no object". */
const DETR_COCO_LOGITS = 92;

const output = (facts: HeadFacts, name: string, rank: number): OnnxValue | undefined =>
  facts.summary.outputs.find((value) => plainName(value) === name && value.dims.length === rank);

/** `logits` and `pred_boxes`: DETR and its successors as the hub exports them. */
export function readDetr(facts: HeadFacts): HeadReading[] {
  const logits = output(facts, 'logits', 3);
  const boxes = output(facts, 'pred_boxes', 3);
  const columns = logits ? numberAt(logits, 2) : null;
  if (!logits || !boxes || columns === null) return [];
  const { classCount, modelType } = facts;
  const softmax = modelType
    ? SOFTMAX_TYPES.has(modelType)
    : classCount === null
      ? columns === DETR_COCO_LOGITS
      : classCount === columns - 1;
  const common = { preparation: 'hub', from: 'names' } as const;
  if (!softmax) {
    return [
      {
        ...common,
        head: { kind: 'detr', classes: columns, logitsOutput: logits.name, boxesOutput: boxes.name },
        family: 'RT-DETR, D-FINE or a relative',
        because: `outputs ${shown(logits)} and ${shown(boxes)}`,
      },
    ];
  }
  return [
    {
      ...common,
      head: setPrediction(columns - 1, boxes.name, logits.name, 'softmax'),
      family: 'DETR',
      because: `outputs ${shown(logits)} and ${shown(boxes)}; the last of ${columns} classes is "no object"${modelType ? ` in ${modelType}` : ''}`,
    },
  ];
}

function setPrediction(
  classes: number,
  boxesOutput: string,
  scoresOutput: string,
  activation: 'sigmoid' | 'softmax' | 'none',
): HeadSpec {
  return {
    kind: 'boxes',
    classes,
    boxesOutput,
    scoresOutput,
    boxFormat: 'cxcywh',
    boxUnits: 'unit',
    activation,
    suppress: false,
  };
}

/** RF-DETR: `dets` and `labels`, one column more than classes in fine-tuned exports. */
export function readRfDetr(facts: HeadFacts): HeadReading[] {
  const boxes = output(facts, 'dets', 3);
  const labels = output(facts, 'labels', 3);
  const columns = labels ? numberAt(labels, 2) : null;
  if (!boxes || !labels || columns === null || numberAt(boxes, 2) !== 4 || !isFloat(labels)) return [];
  const classes = facts.classCount === columns - 1 ? columns - 1 : columns;
  return [
    {
      head: setPrediction(classes, boxes.name, labels.name, 'sigmoid'),
      preparation: 'imagenet',
      family: 'RF-DETR',
      from: 'names',
      because: `outputs ${shown(boxes)} and ${shown(labels)}`,
    },
  ];
}

/** MMDeploy: `dets` with a score as fifth column, `labels` as numbers. */
export function readMmDeploy(facts: HeadFacts): HeadReading[] {
  const boxes = output(facts, 'dets', 3);
  const labels = output(facts, 'labels', 2);
  if (!boxes || !labels || numberAt(boxes, 2) !== 5) return [];
  return [
    {
      head: {
        kind: 'table',
        classes: facts.classCount ?? UNKNOWN_CLASSES,
        boxesOutput: boxes.name,
        classesOutput: labels.name,
        boxFormat: 'xyxy',
        boxUnits: 'pixels',
      },
      preparation: 'unknown',
      family: 'MMDeploy',
      from: 'names',
      because: `outputs ${shown(boxes)} and ${shown(labels)}`,
    },
  ];
}

interface NamedTable {
  readonly boxes: OnnxValue;
  readonly scores: OnnxValue;
  readonly classes: OnnxValue;
  readonly count: OnnxValue | undefined;
}

const NAMES = {
  boxes: ['detection_boxes', 'det_boxes', 'boxes', 'bboxes', 'pred_boxes', 'dboxes'],
  scores: ['detection_scores', 'det_scores', 'scores', 'pred_scores', 'confidences'],
  classes: [
    'detection_classes',
    'det_classes',
    'labels',
    'classes',
    'class_ids',
    'pred_labels',
    'pred_classes',
  ],
  count: ['num_detections', 'num_dets', 'num_boxes', 'num'],
} as const;

function namedTable({ summary }: HeadFacts): NamedTable | null {
  const byName = (names: readonly string[], fits: (value: OnnxValue) => boolean): OnnxValue | undefined =>
    names
      .map((name) => summary.outputs.find((value) => plainName(value) === name && fits(value)))
      .find((v) => v);
  const ranks =
    (...allowed: number[]) =>
    (value: OnnxValue) =>
      allowed.includes(value.dims.length);
  const boxes = byName(NAMES.boxes, (value) => ranks(2, 3)(value) && [4, null].includes(numberAt(value, -1)));
  if (!boxes) return null;
  const rows = ranks(boxes.dims.length - 1);
  const scores = byName(NAMES.scores, rows);
  const classes = byName(NAMES.classes, rows);
  if (!scores || !classes) return null;
  return { boxes, scores, classes, count: byName(NAMES.count, ranks(0, 1, 2)) };
}

/** SSD-style tables: boxes, scores and class numbers in outputs of their own. */
export function readNamedTable(facts: HeadFacts): HeadReading[] {
  const table = namedTable(facts);
  if (!table) return [];
  const { boxes, scores, classes, count } = table;
  const shapes = [boxes, scores, classes].map(shown).join(', ');
  const reading = (
    family: string,
    preparation: HeadReading['preparation'],
    layout: { boxFormat: BoxFormat; boxUnits: BoxUnits; firstClass: 0 | 1 },
  ): HeadReading => ({
    head: {
      kind: 'table',
      classes: facts.classCount ?? UNKNOWN_CLASSES,
      boxesOutput: boxes.name,
      scoresOutput: scores.name,
      classesOutput: classes.name,
      ...(count ? { countOutput: count.name } : {}),
      ...layout,
    },
    preparation,
    family,
    from: 'names',
    because: `outputs ${shapes}`,
  });
  const pixels = { boxFormat: 'xyxy', boxUnits: 'pixels' } as const;
  if (plainName(boxes) === 'detection_boxes') {
    return [
      reading("TensorFlow's object detection API", 'plain', {
        boxFormat: 'yxyx',
        boxUnits: 'unit',
        firstClass: 1,
      }),
    ];
  }
  if (plainName(boxes) === 'det_boxes')
    return [reading('NMS in the graph', 'ultralytics', { ...pixels, firstClass: 0 })];
  if (facts.extraInputs.includes('orig_target_sizes')) {
    return [reading('RT-DETR or D-FINE with its post-processor', 'stretched', { ...pixels, firstClass: 0 })];
  }
  // torchvision counts a background as class 0; whoever lists it among the names has said so.
  const zero = /^_*background_*$/i.test(facts.firstName ?? '');
  if (zero) return [reading('torchvision', 'plain', { ...pixels, firstClass: 0 })];
  return [
    reading('boxes in pixels, classes from 1 (torchvision)', 'plain', { ...pixels, firstClass: 1 }),
    reading('boxes in pixels, classes from 0', 'plain', { ...pixels, firstClass: 0 }),
    reading('boxes of 0 to 1, classes from 1 (SSD of the ONNX model zoo)', 'imagenet', {
      boxFormat: 'xyxy',
      boxUnits: 'unit',
      firstClass: 1,
    }),
  ];
}

/** PaddleDetection: `[rows, 6]` of class, score, box with a count per image; or boxes and scores by class. */
export function readPaddle(facts: HeadFacts): HeadReading[] {
  const { outputs } = facts.summary;
  const rows = outputs.find((value) => value.dims.length === 2 && numberAt(value, 1) === 6 && isFloat(value));
  const count = outputs.find((value) => value.dims.length === 1 && !isFloat(value));
  const paddle =
    facts.extraInputs.includes('scale_factor') || outputs.some(({ name }) => /multiclass_nms/.test(name));
  if (rows && count && outputs.length === 2 && paddle) {
    return [
      {
        head: {
          kind: 'table',
          classes: facts.classCount ?? UNKNOWN_CLASSES,
          boxesOutput: rows.name,
          countOutput: count.name,
          columns: { class: 0, score: 1, box: 2 },
          boxFormat: 'xyxy',
          boxUnits: 'pixels',
        },
        preparation: 'paddle',
        family: 'PP-YOLOE with its suppression',
        from: 'names',
        because: `outputs ${shown(rows)} and ${shown(count)}`,
      },
    ];
  }
  return readTwoParts(facts);
}

/** Two outputs over the same anchors: boxes of four, and scores. */
function readTwoParts({ summary, inputPx }: HeadFacts): HeadReading[] {
  const flat = summary.outputs.filter((value) => value.dims.length === 3 && isFloat(value));
  if (flat.length !== 2 || summary.outputs.length !== 2) return [];
  const boxes = flat.find((value) => numberAt(value, 2) === 4);
  const scores = flat.find((value) => value !== boxes);
  const anchors = boxes ? numberAt(boxes, 1) : null;
  if (!boxes || !scores || anchors === null || /^(dets|pred_boxes)$/.test(plainName(boxes))) return [];
  const head = (boxFormat: BoxFormat, classes: number, byClass: boolean): HeadSpec => ({
    kind: 'boxes',
    classes,
    boxesOutput: boxes.name,
    scoresOutput: scores.name,
    boxFormat,
    boxUnits: 'pixels',
    activation: 'none',
    ...(byClass ? { scoresByClass: true } : {}),
    suppress: true,
  });
  const because = `outputs ${shown(boxes)} and ${shown(scores)} over ${inputPx[1]}×${inputPx[0]}`;
  const classes = numberAt(scores, 1);
  if (numberAt(scores, 2) === anchors && classes !== null && classes !== anchors) {
    return [
      {
        head: head('xyxy', classes, true),
        preparation: 'paddle',
        family: 'PP-YOLOE without its suppression',
        from: 'shapes',
        because,
      },
    ];
  }
  const columns = numberAt(scores, 2);
  if (numberAt(scores, 1) !== anchors || columns === null) return [];
  return (['xyxy', 'cxcywh'] as const).map((format) => ({
    head: head(format, columns, false),
    preparation: 'unknown',
    family: format === 'xyxy' ? 'corners, as YOLO-NAS gives them' : 'centres and sides',
    from: 'shapes',
    because,
  }));
}
