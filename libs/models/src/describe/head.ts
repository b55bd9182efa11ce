import type { HeadSpec } from '@hazure/native-engine';
import type { OnnxSummary } from '../onnx/summary.js';
import type { OnnxValue } from '../onnx/model.js';

/** What the shapes of a model's outputs say about its head; `because` is told to the user. */
export interface HeadGuess {
  readonly head: HeadSpec;
  readonly because: string;
}

const YOLOX_STRIDES = [8, 16, 32];

/**
 * Guesses how a detector's outputs are to be read. Null where no rule fits, or more than one could.
 *
 * @param inputPx height and width of the input
 * @param classCount how many names the metadata holds, or null
 */
export function guessHead(
  summary: OnnxSummary,
  inputPx: readonly [number, number],
  classCount: number | null,
): HeadGuess | null {
  const outputs = summary.outputs.filter((output) => output.type === 'float32' || output.type === 'float16');
  return (
    guessDetr(outputs) ??
    guessNanodet(outputs, inputPx) ??
    (outputs.length >= 1 ? guessYolo(summary, outputs[0]!, inputPx, classCount) : null)
  );
}

const lastDim = (value: OnnxValue): number | null => {
  const dim = value.dims.at(-1);
  return typeof dim === 'number' ? dim : null;
};

function guessDetr(outputs: readonly OnnxValue[]): HeadGuess | null {
  const logits = outputs.find((output) => output.name === 'logits' && output.dims.length === 3);
  const boxes = outputs.find((output) => output.name === 'pred_boxes' && lastDim(output) === 4);
  const classes = logits ? lastDim(logits) : null;
  if (!logits || !boxes || classes === null) return null;
  return {
    head: { kind: 'detr', classes, logitsOutput: logits.name, boxesOutput: boxes.name },
    because: 'outputs logits and pred_boxes: DETR family (RT-DETR, D-FINE)',
  };
}

/** Pairs of scores and distances per stride, found by their numbers of cells. */
function guessNanodet(outputs: readonly OnnxValue[], inputPx: readonly [number, number]): HeadGuess | null {
  if (outputs.length < 4 || outputs.length % 2 !== 0 || outputs.some((output) => output.dims.length !== 3)) {
    return null;
  }
  const byCells = new Map<number, OnnxValue[]>();
  for (const output of outputs) {
    const cells = output.dims[1];
    if (typeof cells !== 'number' || lastDim(output) === null) return null;
    byCells.set(cells, [...(byCells.get(cells) ?? []), output]);
  }
  const strides: number[] = [];
  const pairs: OnnxValue[][] = [];
  for (const stride of [4, 8, 16, 32, 64, 128]) {
    const pair = byCells.get(Math.ceil(inputPx[0] / stride) * Math.ceil(inputPx[1] / stride));
    if (!pair) continue;
    if (pair.length !== 2) return null;
    strides.push(stride);
    pairs.push(pair);
  }
  if (pairs.length * 2 !== outputs.length) return null;
  const widths = pairs.map((pair) => pair.map(lastDim));
  // Which of the two are distances: the one whose width is 4 × bins, and the same at every stride.
  const candidates = [0, 1].filter((i) => {
    const width = widths[0]![i]!;
    return width % 4 === 0 && width / 4 >= 5 && width / 4 <= 33;
  });
  const names = ['dist', 'reg', 'bbox', 'box'];
  const distance =
    candidates.find((i) => names.some((name) => pairs[0]![i]!.name.toLowerCase().includes(name))) ??
    (candidates.length === 1 ? candidates[0] : undefined);
  if (distance === undefined) return null;
  const width = widths[0]![distance]!;
  const classes = widths[0]![1 - distance]!;
  const ordered = pairs.map((pair, i) => (widths[i]![distance] === width ? pair : [...pair].reverse()));
  if (
    !ordered.every((pair) => lastDim(pair[distance]!) === width && lastDim(pair[1 - distance]!) === classes)
  ) {
    return null;
  }
  return {
    head: {
      kind: 'nanodet',
      classes,
      strides,
      regMax: width / 4 - 1,
      scoreOutputs: ordered.map((pair) => pair[1 - distance]!.name),
      distanceOutputs: ordered.map((pair) => pair[distance]!.name),
    },
    because: `scores and distance distributions at strides ${strides.join(', ')}: NanoDet`,
  };
}

function guessYolo(
  summary: OnnxSummary,
  output: OnnxValue,
  inputPx: readonly [number, number],
  classCount: number | null,
): HeadGuess | null {
  if (output.dims.length !== 3) return null;
  const [, rows, cols] = output.dims;
  const cells = YOLOX_STRIDES.reduce(
    (sum, stride) => sum + Math.ceil(inputPx[0] / stride) * Math.ceil(inputPx[1] / stride),
    0,
  );
  const shape = `[N, ${String(rows)}, ${String(cols)}]`;
  // Attributes before anchors: YOLOv8 and its successors.
  if (typeof rows === 'number' && rows > 4 && (cols === cells || classCount === rows - 4)) {
    const classes = rows - 4;
    return {
      head: { kind: 'yolov8', classes },
      because: `output ${shape}: 4 + ${classes} by anchors, YOLOv8`,
    };
  }
  if (typeof cols !== 'number' || cols <= 5) return null;
  const classes = cols - 5;
  // Three anchors a cell.
  if (rows === 3 * cells || (typeof rows !== 'number' && classCount === classes)) {
    return {
      head: { kind: 'yolov5', classes },
      because: `output ${shape}: anchors by 5 + ${classes}, YOLOv5`,
    };
  }
  // One anchor a cell: YOLOX when nothing but a transpose stands behind the raw maps, else a decoded export
  // (YOLOv6, YOLOX with decode_in_inference), which has the same shape but other numbers.
  if (rows === cells && summary.producers.get(output.name) === 'Transpose') {
    return {
      head: { kind: 'yolox', classes, strides: YOLOX_STRIDES },
      because: `output ${shape} straight from a transpose: undecoded grid, YOLOX`,
    };
  }
  return null;
}
