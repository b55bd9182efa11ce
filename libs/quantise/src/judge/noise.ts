import type { OnnxModel } from '@hazure/models';
import type { InferenceSession, Tensor } from '@hazure/native-engine';
import { withOutputs } from '../graph/graph.js';
import type { Feeds } from '../ranges/collect.js';
import type { Workshop } from '../session.js';

/** Names of the tensors that noise is measured at: those of the float model. */
export interface NoiseMeter {
  /** Mean over the tensors of noise power over signal power; 0 is none, 0.01 is 20 dB. */
  measure(model: OnnxModel, nameOf?: (tensor: string) => string): Promise<number>;
}

/**
 * Measures how far a quantised model's tensors lie from the float model's, on a few images that it keeps in memory.
 *
 * @param tensors where to look: the network's last results before box arithmetic, or its outputs
 */
export async function noiseMeter(
  model: OnnxModel,
  tensors: readonly string[],
  feeds: Feeds,
  workshop: Workshop,
): Promise<NoiseMeter> {
  const images: Readonly<Record<string, Tensor>>[] = [];
  for await (const feed of feeds()) images.push(feed);
  const run = async (session: InferenceSession, names: readonly string[]): Promise<Float32Array[][]> => {
    const results: Float32Array[][] = [];
    for (const feed of images) {
      const outputs = await session.run(feed);
      results.push(names.map((name) => outputs[name]!.data as Float32Array));
    }
    return results;
  };
  const exact = await workshop.with(withOutputs(model, tensors, true), (session) => run(session, tensors));
  return {
    measure: async (candidate, nameOf = (name) => name) => {
      const names = tensors.map(nameOf);
      const rounded = await workshop.with(withOutputs(candidate, names, true), (session) =>
        run(session, names),
      );
      const ratios = tensors.map((_, t) => {
        let [noise, signal] = [0, 0];
        exact.forEach((results, image) => {
          const a = results[t]!;
          const b = rounded[image]![t]!;
          for (let i = 0; i < a.length; i++) {
            const difference = b[i]! - a[i]!;
            noise += difference * difference;
            signal += a[i]! * a[i]!;
          }
        });
        return signal === 0 ? 0 : noise / signal;
      });
      return ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length;
    },
  };
}

/** A ratio of powers in decibels of signal over noise. */
export function decibels(ratio: number): number {
  return ratio === 0 ? Infinity : -10 * Math.log10(ratio);
}
