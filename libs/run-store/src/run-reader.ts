import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  InputError,
  messageOf,
  type CombinedParameters,
  type CropRecord,
  type FailureRecord,
  type MapParameters,
  type ModelInfo,
  type ObjectResult,
  type StageTime,
} from '@hazure/contracts';

/** Reads the files of a run folder that the report is made of. */
export class RunArtifacts {
  constructor(readonly folder: string) {}

  /** Final name of the run, also while it is still being written. */
  get name(): string {
    return basename(this.folder).replace(/\.partial$/, '');
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async json<T>(name: string): Promise<T> {
    try {
      return JSON.parse(await readFile(this.path(name), 'utf8')) as T;
    } catch (cause) {
      throw new InputError('INPUT_INVALID', `Can't read ${name} of ${this.folder}: ${messageOf(cause)}`, {
        cause,
        hint: 'Give a finished baseline_… or detection_… folder.',
      });
    }
  }

  async optionalJson<T>(name: string): Promise<T | null> {
    return this.json<T>(name).catch(() => null);
  }

  async jsonl<T>(name: string): Promise<T[]> {
    const text = await readFile(this.path(name), 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T);
  }

  async bytes(name: string | null): Promise<Uint8Array | null> {
    return name === null ? null : readFile(this.path(name)).catch(() => null);
  }

  async failures(): Promise<FailureRecord[]> {
    const lines = await this.jsonl<FailureRecord>('failures.jsonl');
    return lines.filter(({ stage }) => stage !== undefined);
  }
}

/** Shapes of the artifacts, as the pipeline writes them. */
export interface ConfigFile {
  readonly phase: 'learn' | 'detect';
  readonly inputFolder: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly models: Readonly<Record<string, ModelInfo>>;
  readonly baseline?: string;
  readonly baselineFolder?: string;
  readonly similarity?: string;
  readonly scorer?: string;
}

export interface CalibrationFile {
  readonly method: string;
  readonly percentile: number;
  readonly heldOutRows: number;
  readonly scorers: readonly {
    readonly name: string;
    readonly threshold: number;
    readonly heldOut: number[];
  }[];
}

export interface ScorersFile {
  readonly features: { readonly rows: number };
  readonly calibrationRows: readonly number[];
}

export interface StatisticsFile {
  readonly images: number;
  readonly objects: number;
  readonly outliers?: number;
  readonly failures?: number;
  readonly classes: readonly {
    readonly className: string;
    readonly objects: number;
    readonly outliers?: number;
    readonly confidence: { readonly mean: number };
  }[];
}

export interface TimingFile {
  readonly totalSeconds: number;
  readonly stages: readonly StageTime[];
}

export interface ResultsFile {
  readonly scorer: string;
  readonly objects: readonly ObjectResult[];
}

export interface BaselineMapFile {
  readonly parameters: MapParameters;
  readonly points: readonly (readonly [number, number, number])[];
}

export interface CombinedMapFile {
  readonly parameters: CombinedParameters;
  readonly baseline: readonly (readonly [number, number, number])[];
  readonly new: readonly (readonly [number, number, number])[];
}

export type StoredCrop = CropRecord;
