import type { ObjectResult, RunWarning } from '@hazure/contracts';
import type { LeftOut } from '@hazure/inputs';
import { RunReader } from '@hazure/run-store';

/** What a finished phase left. */
export interface PhaseResult {
  /** Absolute path of the finished run folder (docs/reference/run-folder.md). */
  readonly folder: string;
  /** Images that were read. */
  readonly images: number;
  /** Objects found in them. */
  readonly objects: number;
  /** Inputs that could not be processed; `failures.jsonl` names each. */
  readonly failures: number;
  /** Files that were not taken as images, and why. */
  readonly leftOut: LeftOut;
  readonly seconds: number;
  /** What a person should know, each with a permanent code. */
  readonly warnings: readonly RunWarning[];
}

export type LearnResult = PhaseResult;

/** A finished detection. Its objects are read from the run folder one at a time, so a million of them need no memory. */
export class DetectResult implements PhaseResult {
  readonly folder: string;
  readonly images: number;
  readonly objects: number;
  readonly outliers: number;
  /** null where the baseline can't judge images. */
  readonly imageOutliers: number | null;
  /** Share of normal objects or images that is flagged; null under a false discovery rate. */
  readonly expectedFalseAlarmShare: number | null;
  readonly failures: number;
  readonly leftOut: LeftOut;
  readonly seconds: number;
  readonly warnings: readonly RunWarning[];

  constructor(
    result: PhaseResult & Pick<DetectResult, 'outliers' | 'imageOutliers' | 'expectedFalseAlarmShare'>,
  ) {
    this.folder = result.folder;
    this.images = result.images;
    this.objects = result.objects;
    this.outliers = result.outliers;
    this.imageOutliers = result.imageOutliers;
    this.expectedFalseAlarmShare = result.expectedFalseAlarmShare;
    this.failures = result.failures;
    this.leftOut = result.leftOut;
    this.seconds = result.seconds;
    this.warnings = result.warnings;
  }

  /** Every judged object, in the order of the images. @throws InputError when the folder was changed or moved */
  async *[Symbol.asyncIterator](): AsyncGenerator<ObjectResult> {
    yield* (await RunReader.open(this.folder)).objects();
  }

  /** The outliers among them. @throws InputError when the folder was changed or moved */
  async *outlierObjects(): AsyncGenerator<ObjectResult> {
    for await (const object of this) if (object.verdict.outlier) yield object;
  }
}
