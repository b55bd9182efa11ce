import type { EmbeddingMatrix, FailureRecord, ModelInfo } from './records.js';
import type { CropRecord, ImageRecord, StageTime } from './run-records.js';

/** Every artifact appears under its final name only when it is whole. Names are relative, with `/`. */
export interface RunFolder {
  /** Absolute path of the folder as it is now (it moves once, when the run finishes). */
  readonly path: string;
  /** `baseline_<timestamp>` or `detection_<timestamp>`. */
  readonly name: string;
  readonly shards: ShardStore;
  writeText(name: string, text: string): Promise<void>;
  writeBytes(name: string, bytes: Uint8Array): Promise<void>;
  /** Indented JSON with a final newline. */
  writeJson(name: string, value: unknown): Promise<void>;
  openJsonl(name: string): Promise<RecordWriter>;
  openCsv(name: string, columns: readonly string[]): Promise<RecordWriter>;
  /** One JSON document `{…head, "<listKey>": [records…]}`, written record by record. */
  openJsonList(name: string, head: object, listKey: string): Promise<RecordWriter>;
  openParquet(name: string, columns: readonly ParquetColumn[]): Promise<RecordWriter>;
  /** `.npy`, float32, C order, rows known only at the end. */
  openMatrix(name: string, cols: number): Promise<MatrixWriter>;
  /** Some rows, ascending, of a matrix that was written and closed. */
  readMatrixRows(name: string, ascending: Int32Array): Promise<EmbeddingMatrix>;
  /** A file from outside under a name of this folder; a hard link where the file system can. */
  adopt(absolutePath: string, name: string): Promise<void>;
  /** The same file under a second name, without a second copy of its bytes where the file system can. */
  copyWithin(from: string, to: string): Promise<void>;
  /** A folder that is there also when nothing comes into it. */
  makeFolder(name: string): Promise<void>;
  /** Writes `manifest.json` with a checksum per artifact and gives the folder its final name. */
  finish(manifest: RunManifestHead, options?: { readonly dropShards?: boolean }): Promise<void>;
  /**
   * Removes the folder, once writers in flight have ended: a run that failed before its first shard leaves nothing behind.
   * @throws Error when it could not be removed; the cause of the run's own failure is the one to report
   */
  discard(): Promise<void>;
  /** Leaves the unfinished folder to whoever goes on with it. Safe more than once, and after `finish` or `discard`. */
  release(): Promise<void>;
}

export interface RecordWriter {
  write(record: object): Promise<void>;
  close(): Promise<void>;
}

export interface MatrixWriter {
  /** `rows × cols` values, row-major. */
  append(rows: Float32Array): Promise<void>;
  close(): Promise<void>;
}

export interface ParquetColumn {
  readonly name: string;
  readonly type: 'STRING' | 'DOUBLE' | 'FLOAT' | 'INT32' | 'BOOLEAN' | 'JSON';
}

/** Image positions, `to` exclusive. */
export interface PositionRange {
  readonly from: number;
  readonly to: number;
}

/** Size and time of an image as it was listed when it was worked on; null where the source does not say. */
export type SourceStamp = readonly [bytes: number, modifiedMs: number | null];

/** A shard that no longer counts, and why. Its files are kept under other names. */
export interface SetAside extends PositionRange {
  /** Where the records are now. */
  readonly path: string;
  readonly reason: string;
}

/** How long the attempts at a run have taken so far. */
export interface AttemptTimes {
  readonly attempts: number;
  readonly seconds: number;
  readonly stages: readonly StageTime[];
}

/**
 * Durable pieces of the streaming part of a run, each covering a contiguous range of image positions.
 * A shard exists wholly or not at all: once `write` resolves it is on disk, with every picture that its records name.
 * The next run works on what is missing.
 */
export interface ShardStore {
  /** Finished shards in order of position; they never overlap, and may leave gaps. */
  readonly finished: readonly PositionRange[];
  /** Shards that were found damaged when the folder was opened; they are no longer among the finished. */
  readonly damaged: readonly SetAside[];
  /** Ranges of [from, to) that no finished shard covers, in order. */
  missing(range: PositionRange): PositionRange[];
  /** @throws InputError OUTPUT_UNWRITABLE; RangeError for a range that overlaps a finished shard */
  write(shard: Shard): Promise<void>;
  /**
   * In order of position, one in memory at a time, each checked against its checksum.
   * @throws InputError SHARD_DAMAGED for one that was damaged since the folder was opened
   */
  read(): AsyncIterable<Shard>;
  /** Stamps of a shard that was there when the folder was opened; null for one written since. */
  sourcesOf(range: PositionRange): readonly SourceStamp[] | null;
  /** Takes a finished shard out of the run, so that its range is missing again. */
  setAside(range: PositionRange, reason: string): Promise<SetAside>;
  /** Times of attempts before this one; null at the first. */
  readonly earlierTimes: AttemptTimes | null;
  /** Keeps the times of all attempts so far for the next one. */
  saveTimes(times: AttemptTimes): Promise<void>;
}

export interface Shard {
  readonly fromPosition: number;
  /** Exclusive. */
  readonly toPosition: number;
  /** One per image that was read. */
  readonly images: readonly ImageRecord[];
  /** One per row of `embeddings`. */
  readonly crops: readonly CropRecord[];
  readonly failures: readonly FailureRecord[];
  readonly embeddings: EmbeddingMatrix;
  /** One per position, also of images that could not be read. */
  readonly sources: readonly SourceStamp[];
}

export interface RunManifestHead {
  readonly kind: 'baseline' | 'detection';
  readonly hazureVersion: string;
  readonly createdAt: string;
  readonly seed: number;
  /** Hash of the settings and inputs that decide the results; `--resume` and `run` look for it. */
  readonly resumeKey: string;
  readonly device: string;
  readonly models: Readonly<Record<string, ModelInfo>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly counts: Readonly<Record<string, number>>;
  /** Baselines that this one grew from, oldest first; empty for one learned from scratch, and for a detection. */
  readonly lineage: readonly BaselineStep[];
}

/** One step of a baseline's growth: what was there, and what was added to it. */
export interface BaselineStep {
  /** Folder name of the baseline that was extended. */
  readonly baseline: string;
  readonly createdAt: string;
  readonly resumeKey: string;
  readonly added: {
    /** `images` that were learned, or `accepted` false alarms of a detection. */
    readonly what: 'images' | 'accepted';
    /** Inputs, or the detection's folder name. */
    readonly from: string;
    readonly images: number;
    readonly objects: number;
  };
}

export interface RunManifest extends RunManifestHead {
  readonly format: 'hazure-run/3';
  readonly artifacts: readonly {
    readonly path: string;
    readonly bytes: number;
    readonly sha256: string;
    /** `hazure-NAME/VERSION`; null for what only people look at. */
    readonly format: string | null;
  }[];
  /** Folders of pictures, which are counted only. */
  readonly folders: readonly { readonly path: string; readonly files: number; readonly bytes: number }[];
}

export interface RunStore {
  /**
   * Opens a new run folder below the output folder, or, with `resume`, the newest unfinished one with the same key.
   * Throws InputError OUTPUT_UNWRITABLE.
   */
  open(request: {
    readonly kind: 'baseline' | 'detection';
    readonly resumeKey: string;
    readonly resume: boolean;
  }): Promise<{ readonly folder: RunFolder; readonly resumed: boolean }>;
  /** The newest finished folder of the kind with this key, or null. */
  findFinished(kind: 'baseline' | 'detection', resumeKey: string): Promise<string | null>;
}
