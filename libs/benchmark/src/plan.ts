import type { PhaseOptions } from '@hazure/contracts';

/** One combination that both models are loaded with. */
export interface BenchSetting {
  readonly device: PhaseOptions['device'];
  readonly precision: PhaseOptions['precision'];
  readonly threads: number;
}

export interface BenchPlan {
  /** Options of a run with the same models; those of a setting replace its device, precision and threads. */
  readonly options: PhaseOptions;
  readonly settings: readonly BenchSetting[];
  /** null: a usual range for the device. */
  readonly batchSizes: readonly number[] | null;
  readonly mostImages: number;
  readonly secondsEach: number;
  readonly rounds: number;
  readonly seed: number;
}
