import type { OnnxGraph, OnnxNode, OnnxTensor } from '@hazure/models';
import { dropUnused, int, intOf, ints, intsOf } from '@hazure/models';
import { GraphIndex, integers } from './graph.js';

interface Phase {
  readonly root: string;
  readonly row: number;
  readonly col: number;
}

const TO_THE_END = 2 ** 31 - 1;

/**
 * Rewrites YOLOX's and YOLOv5's Focus — four slices of every second pixel, joined along the channels, and a k×k
 * convolution — as one convolution of 2k×2k with twice the stride on the pixels themselves. Each weight moves to the
 * pixel that it was meant for and no sum changes, so the result is exact up to the order of summing.
 *
 * Written (row, col) for a slice's first pixel: weight `[o, 4 slices × C, i, j]` becomes `[o, C, 2i + row, 2j + col]`.
 */
export function rewriteFocus(graph: OnnxGraph): OnnxGraph {
  const index = new GraphIndex(graph);
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.map((node): OnnxNode => {
    const phases = node.opType === 'Conv' ? phasesBefore(node, index) : null;
    const weights = index.constant(node.inputs[1]);
    if (!phases || weights?.type !== 'float32' || intOf(node, 'group', 1) !== 1) return node;
    const name = `${node.outputs[0]}_focus_weight`;
    const wide = widen(weights, phases);
    if (!wide) return node;
    initializers.set(name, wide);
    const doubled = (attribute: string, fallback: readonly number[]): readonly number[] =>
      intsOf(node, attribute, fallback).map((value) => 2 * value);
    return {
      ...node,
      inputs: [phases[0]!.root, name, ...node.inputs.slice(2)],
      attributes: {
        group: int(1),
        dilations: ints([1, 1]),
        kernel_shape: ints(wide.dims.slice(2)),
        strides: ints(doubled('strides', [1, 1])),
        pads: ints(doubled('pads', [0, 0, 0, 0])),
      },
    };
  });
  return dropUnused({ ...graph, nodes, initializers });
}

/** The four slices that a convolution reads through a Concat, or null. */
function phasesBefore(conv: OnnxNode, index: GraphIndex): Phase[] | null {
  const concat = index.producers.get(conv.inputs[0]!);
  const pad = conv.attributes['auto_pad'];
  if (pad?.kind === 'string' && pad.value !== 'NOTSET') return null;
  if (intsOf(conv, 'dilations', [1, 1]).some((value) => value !== 1)) return null;
  if (concat?.opType !== 'Concat' || intOf(concat, 'axis', 0) !== 1 || concat.inputs.length !== 4)
    return null;
  const phases = concat.inputs.map((name) => phaseOf(name, index));
  if (phases.some((phase) => phase === null || phase.root !== phases[0]!.root)) return null;
  const distinct = new Set(phases.map((phase) => `${phase!.row},${phase!.col}`));
  return distinct.size === 4 ? (phases as Phase[]) : null;
}

/** A chain of slices that takes every second row and column to the end. */
function phaseOf(name: string, index: GraphIndex): Phase | null {
  const first = new Map<number, number>();
  let root = name;
  for (let node = index.producers.get(root); node?.opType === 'Slice'; node = index.producers.get(root)) {
    const [starts, ends, axes, steps] = node.inputs.slice(1).map((each) => index.constant(each));
    if (!starts || !ends || !axes || !steps) break;
    const [from, to, over, by] = [starts, ends, axes, steps].map(integers) as [
      number[],
      number[],
      number[],
      number[],
    ];
    const fits = over.every(
      (axis, i) =>
        (axis === 2 || axis === 3) &&
        !first.has(axis) &&
        by[i] === 2 &&
        to[i]! >= TO_THE_END &&
        from[i]! >= 0 &&
        from[i]! < 2,
    );
    if (!fits) break;
    over.forEach((axis, i) => first.set(axis, from[i]!));
    root = node.inputs[0]!;
  }
  return first.size === 2 ? { root, row: first.get(2)!, col: first.get(3)! } : null;
}

function widen(weights: OnnxTensor, phases: readonly Phase[]): OnnxTensor | null {
  const [out, joined, height, width] = weights.dims as [number, number, number, number];
  if (joined % phases.length !== 0) return null;
  const channels = joined / phases.length;
  const data = new Float32Array(out * channels * 4 * height * width);
  for (let o = 0; o < out; o++) {
    for (let j = 0; j < joined; j++) {
      const { row, col } = phases[Math.floor(j / channels)]!;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const from = ((o * joined + j) * height + y) * width + x;
          const to = ((o * channels + (j % channels)) * 2 * height + 2 * y + row) * 2 * width + 2 * x + col;
          data[to] = weights.data[from] as number;
        }
      }
    }
  }
  return { type: 'float32', dims: [out, channels, 2 * height, 2 * width], data };
}
