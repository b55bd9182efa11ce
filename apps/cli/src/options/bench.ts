import { parsePhaseOptions, type BenchOptions } from '@hazure/contracts';
import type { BenchPlan, BenchSetting } from '@hazure/benchmark';

/** The options of `hazure bench` as a plan: every combination of device, precision and threads is a setting. */
export function benchPlan(options: BenchOptions): BenchPlan {
  const { models, detector, embedder, offline, seed } = options;
  const settings: BenchSetting[] = options.device.flatMap((device) =>
    options.precision.flatMap((precision) =>
      options.threads.map((threads) => ({ device, precision, threads })),
    ),
  );
  return {
    options: parsePhaseOptions({
      models,
      offline,
      seed,
      ...(detector === undefined ? {} : { detector }),
      ...(embedder === undefined ? {} : { embedder }),
      ...settings[0],
    }),
    settings,
    batchSizes: options.batchSizes ?? null,
    mostImages: options.images,
    secondsEach: options.seconds,
    rounds: options.rounds,
    seed,
  };
}
