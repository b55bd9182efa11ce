import type { EmbeddingMatrix, FailureRecord, ModelInfo } from './records.js';
import type { CropRecord, ImageRecord } from './run-records.js';

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
  /** Removes the folder: a run that failed leaves nothing half-written behind. */
  discard(): Promise<void>;
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

/**
 * Durable pieces of the streaming part of a run, each covering a contiguous range of image positions.
 * A shard exists wholly or not at all; the next run continues after the last one.
 */
export interface ShardStore {
  /** Position after the last finished shard; 0 when there is none. */
  readonly nextPosition: number;
  write(shard: Shard): Promise<void>;
  /** In order of position, one in memory at a time. */
  read(): AsyncIterable<Shard>;
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
