import type { Plan } from '../plan/plan.js';
import { outputAxis } from '../plan/operators.js';
import type { Statistics } from '../ranges/calibrate.js';
import { forEachChannel, quantiseWeights } from './weights.js';

/**
 * What rounding the weights moves each output channel by, on average, negated: Σ (w − ŵ) · E[x] over the inputs of the
 * channel (Nagel et al., Data-Free Quantization, arXiv 1906.04721, with measured means instead of those of a batch norm).
 * Weights on a grid of their own move nothing.
 *
 * @returns a correction per weighted node with a bias, by node name
 */
export function biasShifts(plan: Plan, statistics: Statistics, weightBits: 7 | 8): Map<string, Float32Array> {
  const shifts = new Map<string, Float32Array>();
  for (const node of plan.weighted) {
    const channels = statistics.get(node.inputs[0]!)?.channels;
    if (node.opType === 'MatMul' || !channels) continue;
    const weights = plan.index.constant(node.inputs[1])!;
    const layout = { dims: weights.dims, axis: outputAxis(node) };
    const exact = weights.data as Float32Array;
    const { data, scales, gridKept } = quantiseWeights(exact, layout, weightBits);
    if (gridKept) continue;
    const outputs = weights.dims[layout.axis]!;
    const shift = new Float32Array(outputs);
    const mean = meansFor(weights.dims, layout.axis, channels.sums, channels.count);
    forEachChannel(layout, (channel, i) => {
      shift[channel]! += (exact[i]! - data[i]! * scales[channel]!) * mean(i, channel);
    });
    shifts.set(node.name, shift);
  }
  return shifts;
}

/** Mean of the input that weight i multiplies, for an output channel; grouped convolutions read their group's inputs. */
function meansFor(
  dims: readonly number[],
  axis: number,
  sums: Float64Array,
  count: number,
): (i: number, channel: number) => number {
  const outputs = dims[axis]!;
  if (dims.length === 2) {
    const columns = dims[1]!;
    return (i) => sums[axis === 0 ? i % columns : Math.floor(i / columns)]! / count;
  }
  const perGroup = dims[1]!;
  const kernel = dims.slice(2).reduce((product, d) => product * d, 1);
  const groups = sums.length / perGroup;
  return (i, channel) => {
    const group = Math.floor((channel * groups) / outputs);
    return sums[group * perGroup + (Math.floor(i / kernel) % perGroup)]! / count;
  };
}
