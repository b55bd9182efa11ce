import type { RunReader } from '@hazure/run-store';
import type { ExportedImage } from './run-images.js';

/** What a format is written with. */
export interface ExportTarget {
  readonly run: RunReader;
  /** Absolute; there, and empty. */
  readonly out: string;
  /** Folder that ids of local images are relative to. */
  readonly inputFolder: string;
  /** Most frequent first. */
  readonly classNames: readonly string[];
}

/** Writes one format as images pass by. */
export interface FormatWriter {
  add(image: ExportedImage): Promise<void>;
  /** @returns what was left out or changed, and why */
  close(): Promise<readonly string[]>;
}
