import type { HeadSpec } from '@hazure/native-engine';
import type { OnnxValue } from '../../onnx/model.js';
import type { OnnxStep, OnnxSummary } from '../../onnx/summary.js';
import type { Evidence } from '../conclusion.js';

/** What is known of a detector when its head is looked for. */
export interface HeadFacts {
  readonly summary: OnnxSummary;
  /** Height and width of the input. */
  readonly inputPx: readonly [number, number];
  /** How many class names are known; null where none are. */
  readonly classCount: number | null;
  /** The first of them, or null. */
  readonly firstName: string | null;
  readonly description: string | null;
  readonly endToEnd: boolean | null;
  readonly task: string | null;
  /** `model_type` of `config.json`. */
  readonly modelType: string | null;
  /** Names of inputs beside the image. */
  readonly extraInputs: readonly string[];
}

/** Networks that were trained with the same preparation of images. */
export type Preparation =
  | 'ultralytics'
  | 'stretched'
  | 'stretched-opencv'
  | 'yolox'
  | 'nanodet'
  | 'hub'
  | 'imagenet'
  | 'paddle'
  | 'plain'
  | 'unknown';

/** One way to read a model's outputs. */
export interface HeadReading {
  readonly head: HeadSpec;
  readonly preparation: Preparation;
  /** The network's family, for people. */
  readonly family: string;
  readonly from: Exclude<Evidence, 'declaration' | 'default'>;
  readonly because: string;
}

/** Class count of a table that nothing names: the numbers in it say nothing about how many there are. */
export const UNKNOWN_CLASSES = 0;

export const numberAt = (value: OnnxValue, axis: number): number | null => {
  const dim = value.dims.at(axis);
  return typeof dim === 'number' ? dim : null;
};

/** `output0 [1, 84, 8400]` */
export const shown = (value: OnnxValue): string =>
  `${value.name} [${value.dims.map((dim) => dim ?? '?').join(', ')}]`;

export const isFloat = ({ type }: OnnxValue): boolean => type === 'float32' || type === 'float16';

/** TensorFlow's tensors end in `:0`. */
export const plainName = ({ name }: OnnxValue): string => name.replace(/:\d+$/, '').toLowerCase();

/** Operations that change how a number is written, not which it is. */
const TRANSPARENT = new Set(['Cast', 'Identity', 'QuantizeLinear', 'DequantizeLinear']);

/** The operation that makes a value, seen through casts and quantisation. */
export function stepBehind(summary: OnnxSummary, name: string): OnnxStep | undefined {
  let step = summary.steps.get(name);
  for (let i = 0; step && TRANSPARENT.has(step.opType) && i < 8; i++)
    step = summary.steps.get(step.inputs[0] ?? '');
  return step;
}

/** Strides of usual pyramids: P3–P5, P3–P6, P2–P5. */
const PYRAMIDS: readonly (readonly number[])[] = [
  [8, 16, 32],
  [8, 16, 32, 64],
  [4, 8, 16, 32],
];

export function cellsOf(inputPx: readonly [number, number], strides: readonly number[]): number {
  return strides.reduce(
    (sum, stride) => sum + Math.ceil(inputPx[0] / stride) * Math.ceil(inputPx[1] / stride),
    0,
  );
}

/** The pyramid whose cells, each `anchors` times, are `rows`. */
export function pyramidOf(
  rows: number | null,
  inputPx: readonly [number, number],
  anchors: number,
): readonly number[] | null {
  if (rows === null) return null;
  return PYRAMIDS.find((strides) => anchors * cellsOf(inputPx, strides) === rows) ?? null;
}

/** A table holds at most this many rows in every export known; grids of cells have thousands. */
export const MOST_TABLE_ROWS = 1000;

/** Prototypes of masks: `[N, coefficients, h, w]` at a half to an eighth of the input. */
export function prototypesOf({ summary, inputPx }: HeadFacts): { output: OnnxValue; count: number } | null {
  const found = summary.outputs.filter((output) => {
    const [count, height, width] = [1, 2, 3].map((axis) => numberAt(output, axis));
    const near = (side: number | null | undefined, input: number): boolean =>
      side === null || side === undefined || (side * 8 >= input && side * 2 <= input);
    return (
      output.dims.length === 4 &&
      isFloat(output) &&
      typeof count === 'number' &&
      near(height, inputPx[0]) &&
      near(width, inputPx[1])
    );
  });
  return found.length === 1 ? { output: found[0]!, count: numberAt(found[0]!, 1)! } : null;
}
