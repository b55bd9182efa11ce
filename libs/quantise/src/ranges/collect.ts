import { ModelError } from '@hazure/contracts';
import type { Tensor } from '@hazure/native-engine';
import { Histogram } from './histogram.js';

/** What a tensor's values were over all calibration images. */
export interface TensorStatistics {
  readonly histogram: Histogram;
  /** Shape at the last image. */
  dims: readonly number[];
  /** Values and their extremes per channel, where the tensor has a channel axis. */
  channels: ChannelStatistics | null;
}

export interface ChannelStatistics {
  /** Values a channel. */
  count: number;
  readonly sums: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** Feeds for the model, one image after the other; asked for anew for each pass. */
export type Feeds = () => AsyncIterable<Readonly<Record<string, Tensor>>>;

/** Adds one image's tensors to the statistics. `channelAxis` −1: the last; null: none is kept. */
export function addTensor(
  statistics: Map<string, TensorStatistics>,
  name: string,
  tensor: Tensor,
  channelAxis: number | null,
): void {
  if (!(tensor.data instanceof Float32Array)) {
    throw new ModelError('MODEL_UNSUPPORTED', `Expected floats in ${name}, came ${tensor.type}`, {
      hint: 'Give a float32 model.',
    });
  }
  const known = statistics.get(name) ?? { histogram: new Histogram(), dims: [], channels: null };
  statistics.set(name, known);
  known.dims = tensor.dims;
  known.histogram.add(tensor.data);
  if (channelAxis === null) return;
  const axis = channelAxis < 0 ? tensor.dims.length - 1 : channelAxis;
  if (axis < tensor.dims.length) known.channels = addChannels(known.channels, tensor.data, tensor.dims, axis);
}

function addChannels(
  known: ChannelStatistics | null,
  data: Float32Array,
  dims: readonly number[],
  axis: number,
): ChannelStatistics {
  const channels = dims[axis]!;
  const statistics = known ?? {
    count: 0,
    sums: new Float64Array(channels),
    low: new Float64Array(channels).fill(Infinity),
    high: new Float64Array(channels).fill(-Infinity),
  };
  const inner = dims.slice(axis + 1).reduce((product, d) => product * d, 1);
  const outer = data.length / channels / inner;
  const { sums, low, high } = statistics;
  for (let o = 0; o < outer; o++) {
    for (let c = 0; c < channels; c++) {
      const from = (o * channels + c) * inner;
      let [sum, least, most] = [0, low[c]!, high[c]!];
      for (let i = from; i < from + inner; i++) {
        const value = data[i]!;
        sum += value;
        if (value < least) least = value;
        if (value > most) most = value;
      }
      sums[c]! += sum;
      low[c] = least;
      high[c] = most;
    }
  }
  statistics.count += outer * inner;
  return statistics;
}
