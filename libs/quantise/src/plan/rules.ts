import type { OnnxNode } from '@hazure/models';
import { intOf } from '@hazure/models';
import { resultOf, type Plan } from './plan.js';

/**
 * Weighted nodes that begin as floats, by what the field has learned and what was measured here
 * (bench/operator-times.mjs):
 *
 * - a convolution of the pixels themselves (four input channels at most): ONNX Runtime's integer kernel takes five
 *   times as long there as its float one, and rounding pixels costs most accuracy;
 * - a depthwise convolution right behind that: as fast in floats, and of few, sensitive channels;
 * - a detector's prediction convolutions, the last before box arithmetic: their errors reach boxes unfiltered, and they are
 *   a few percent of the work.
 */
export function floatByRule(plan: Plan, isDetector: boolean): Map<string, string> {
  const kept = new Map<string, string>();
  for (const node of plan.weighted) {
    if (isStem(node, plan))
      kept.set(node.name, 'convolution of the pixels: slower in integers, and most sensitive');
    else if (isBehindStem(node, plan))
      kept.set(node.name, 'depthwise behind the pixels: no faster in integers, and sensitive');
    else if (isDetector && isLast(node, plan))
      kept.set(node.name, 'prediction: its errors reach the boxes unfiltered');
  }
  return kept;
}

const STEM_CHANNELS = 4;

function isStem(node: OnnxNode, { index }: Plan): boolean {
  if (node.opType !== 'Conv' || intOf(node, 'group', 1) !== 1) return false;
  const channels = index.constant(node.inputs[1])!.dims[1]!;
  return channels <= STEM_CHANNELS && index.graph.inputs.some(({ name }) => name === node.inputs[0]);
}

function isBehindStem(node: OnnxNode, plan: Plan): boolean {
  const { index } = plan;
  const weights = index.constant(node.inputs[1])!;
  if (node.opType !== 'Conv' || weights.dims[1] !== 1 || intOf(node, 'group', 1) === 1) return false;
  return [...plan.weighted].some((stem) => isStem(stem, plan) && resultOf(stem, index) === node.inputs[0]);
}

/** Whether no other weighted node reads what it makes, directly or through others. */
export function isLast(node: OnnxNode, plan: Plan): boolean {
  const seen = new Set<OnnxNode>();
  const queue = [...node.outputs];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    for (const reader of plan.index.consumers(name)) {
      if (plan.weighted.has(reader)) return false;
      if (seen.has(reader)) continue;
      seen.add(reader);
      queue.push(...reader.outputs);
    }
  }
  return true;
}
