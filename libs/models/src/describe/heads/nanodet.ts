import type { OnnxValue } from '../../onnx/model.js';
import type { HeadFacts, HeadReading } from './facts.js';
import { isFloat, numberAt } from './facts.js';

const lastDim = (value: OnnxValue): number | null => numberAt(value, -1);

/** Pairs of scores and distances per stride, found by their numbers of cells. */
export function readNanodet({ summary, inputPx }: HeadFacts): HeadReading[] {
  const outputs = summary.outputs.filter(isFloat);
  if (outputs.length < 4 || outputs.length % 2 !== 0 || outputs.some((output) => output.dims.length !== 3)) {
    return [];
  }
  const byCells = new Map<number, OnnxValue[]>();
  for (const output of outputs) {
    const cells = output.dims[1];
    if (typeof cells !== 'number' || lastDim(output) === null) return [];
    byCells.set(cells, [...(byCells.get(cells) ?? []), output]);
  }
  const strides: number[] = [];
  const pairs: OnnxValue[][] = [];
  for (const stride of [4, 8, 16, 32, 64, 128]) {
    const pair = byCells.get(Math.ceil(inputPx[0] / stride) * Math.ceil(inputPx[1] / stride));
    if (!pair) continue;
    if (pair.length !== 2) return [];
    strides.push(stride);
    pairs.push(pair);
  }
  if (pairs.length * 2 !== outputs.length) return [];
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
  if (distance === undefined) return [];
  const width = widths[0]![distance]!;
  const classes = widths[0]![1 - distance]!;
  const ordered = pairs.map((pair, i) => (widths[i]![distance] === width ? pair : [...pair].reverse()));
  if (
    !ordered.every((pair) => lastDim(pair[distance]!) === width && lastDim(pair[1 - distance]!) === classes)
  ) {
    return [];
  }
  return [
    {
      head: {
        kind: 'nanodet',
        classes,
        strides,
        regMax: width / 4 - 1,
        scoreOutputs: ordered.map((pair) => pair[1 - distance]!.name),
        distanceOutputs: ordered.map((pair) => pair[distance]!.name),
      },
      preparation: 'nanodet',
      family: 'NanoDet',
      from: 'shapes',
      because: `scores and distance distributions at strides ${strides.join(', ')}`,
    },
  ];
}
