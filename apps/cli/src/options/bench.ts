import { ConfigError, parsePhaseOptions, type PhaseOptions } from '@hazure/contracts';
import type { BenchPlan, BenchSetting } from '@hazure/benchmark';
import { numberFlag } from './numbers.js';

export interface BenchFlags {
  readonly models: string;
  readonly detector?: string;
  readonly embedder?: string;
  readonly batchSizes?: string;
  readonly device: string;
  readonly precision: string;
  readonly threads: string;
  readonly images: string;
  readonly seconds: string;
  readonly rounds: string;
  readonly plot?: string;
  readonly offline?: boolean;
  readonly seed: string;
}

const words = (text: string): string[] =>
  text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');

/** The flags of `hazure bench` as a plan. @throws ConfigError naming the flag */
export function benchPlan(flags: BenchFlags): BenchPlan {
  const list = (flag: string, text: string, min: number, max: number): number[] => {
    const values = words(text).map((word) => numberFlag(flag, word, { min, max, integer: true }));
    if (values.length === 0) throw new ConfigError(`${flag} needs at least one number, such as 1,2,4`);
    return values;
  };
  const seed = numberFlag('--seed', flags.seed, { min: 0, max: 4294967295, integer: true });
  const threads = list('--threads', flags.threads, 0, 1024);
  const [devices, precisions] = [words(flags.device), words(flags.precision)];
  const settings: BenchSetting[] = [];
  let options: PhaseOptions | null = null;
  for (const device of devices) {
    for (const precision of precisions) {
      for (const count of threads) {
        const parsed = parsePhaseOptions({
          models: flags.models,
          ...(flags.detector === undefined ? {} : { detector: flags.detector }),
          ...(flags.embedder === undefined ? {} : { embedder: flags.embedder }),
          ...(flags.offline ? { offline: true } : {}),
          device,
          precision,
          threads: count,
          seed,
        });
        options ??= parsed;
        settings.push({ device: parsed.device, precision: parsed.precision, threads: parsed.threads });
      }
    }
  }
  if (options === null) throw new ConfigError('--device and --precision need at least one value');
  return {
    options,
    settings,
    batchSizes: flags.batchSizes === undefined ? null : list('--batch-sizes', flags.batchSizes, 1, 4096),
    mostImages: numberFlag('--images', flags.images, { min: 1, max: 100_000, integer: true }),
    secondsEach: numberFlag('--seconds', flags.seconds, { min: 0.01, max: 600 }),
    rounds: numberFlag('--rounds', flags.rounds, { min: 1, max: 100, integer: true }),
    seed,
  };
}
