import { outputsOf } from './outputs.js';
import type { HeadSpec } from '@hazure/native-engine';
import type { OnnxValue } from '../../onnx/model.js';
import type { OnnxSummary } from '../../onnx/summary.js';
import { contradicted } from '../conclusion.js';
import { cellsOf, shown } from './facts.js';

/**
 * Holds a declared head against the file: its outputs are there, and their fixed dimensions are the head's.
 *
 * @throws ModelError `MODEL_CONTRADICTED` that names both
 */
export function checkHead(
  head: HeadSpec,
  summary: OnnxSummary,
  inputPx: readonly [number, number],
  path: string,
): void {
  const all = summary.outputs.map(shown).join('; ');
  for (const name of outputsOf(head)) {
    if (!summary.outputs.some((output) => output.name === name))
      throw contradicted(path, `that its head reads an output ${name}`, `the outputs ${all}`);
  }
  for (const { name, dims, layout } of expected(head, inputPx)) {
    const output =
      name === undefined ? onlyFlat(summary) : summary.outputs.find((value) => value.name === name);
    if (!output) throw contradicted(path, `a head ${head.kind} without its output`, `the outputs ${all}`);
    const fits =
      output.dims.length === dims.length &&
      dims.every((dim, i) => dim === null || typeof output.dims[i] !== 'number' || dim(output.dims[i]));
    if (!fits) throw contradicted(path, `a head ${head.kind} of ${layout}`, `the output ${shown(output)}`);
  }
}

function onlyFlat(summary: OnnxSummary): OnnxValue | undefined {
  const flat = summary.outputs.filter((output) => output.dims.length === 3);
  return flat.length === 1 ? flat[0] : summary.outputs.length === 1 ? summary.outputs[0] : undefined;
}

interface Expected {
  readonly name: string | undefined;
  readonly dims: readonly (((dim: number) => boolean) | null)[];
  readonly layout: string;
}

const is = (wanted: number) => (dim: number) => dim === wanted;
const atLeast = (wanted: number) => (dim: number) => dim >= wanted;

function expected(head: HeadSpec, inputPx: readonly [number, number]): Expected[] {
  const extra = 'masks' in head && head.masks ? head.masks.coefficients : 0;
  const more = extra > 0 ? ` + ${extra}` : '';
  switch (head.kind) {
    case 'yolov8': {
      const layout = `[N, 4 + ${head.classes}${more}, anchors]`;
      return [{ name: head.output, dims: [null, is(4 + head.classes + extra), null], layout }];
    }
    case 'yolov5': {
      const layout = `[N, anchors, 5 + ${head.classes}${more}]`;
      return [{ name: head.output, dims: [null, null, is(5 + head.classes + extra)], layout }];
    }
    case 'yolox': {
      const cells = cellsOf(inputPx, head.strides);
      const layout = `[N, ${cells}, 5 + ${head.classes}]`;
      return [{ name: head.output, dims: [null, is(cells), is(5 + head.classes)], layout }];
    }
    case 'nanodet':
      return nanodetOutputs(head, inputPx);
    case 'detr':
      return [
        {
          name: head.logitsOutput,
          dims: [null, null, is(head.classes)],
          layout: `[N, queries, ${head.classes}]`,
        },
        { name: head.boxesOutput, dims: [null, null, is(4)], layout: '[N, queries, 4]' },
      ];
    case 'boxes':
      return boxesOutputs(head);
    case 'table':
      return [];
  }
}

function nanodetOutputs(
  head: Extract<HeadSpec, { kind: 'nanodet' }>,
  inputPx: readonly [number, number],
): Expected[] {
  const distances = 4 * (head.regMax + 1);
  const joined = head.scoreOutputs.length === 1 && head.scoreOutputs[0] === head.distanceOutputs[0];
  if (joined && head.strides.length > 1) {
    const layout = `[N, cells, ${head.classes} + ${distances}]`;
    const cells = cellsOf(inputPx, head.strides);
    return [{ name: head.scoreOutputs[0], dims: [null, is(cells), is(head.classes + distances)], layout }];
  }
  return head.strides.flatMap((stride, i) => {
    const cells = cellsOf(inputPx, [stride]);
    return [
      {
        name: head.scoreOutputs[i],
        dims: [null, is(cells), is(head.classes)],
        layout: `[N, ${cells}, ${head.classes}]`,
      },
      {
        name: head.distanceOutputs[i],
        dims: [null, is(cells), is(distances)],
        layout: `[N, ${cells}, ${distances}]`,
      },
    ];
  });
}

function boxesOutputs(head: Extract<HeadSpec, { kind: 'boxes' }>): Expected[] {
  const least = (head.firstClass ?? 0) + head.classes;
  if (head.boxesOutput === head.scoresOutput) {
    const layout = `[N, anchors, 4 + at least ${least}]`;
    return [{ name: head.boxesOutput, dims: [null, null, atLeast(4 + least)], layout }];
  }
  const scores = head.scoresByClass ? [null, atLeast(least), null] : [null, null, atLeast(least)];
  return [
    { name: head.boxesOutput, dims: [null, null, is(4)], layout: '[N, anchors, 4]' },
    { name: head.scoresOutput, dims: scores, layout: `scores of at least ${least} classes` },
  ];
}
