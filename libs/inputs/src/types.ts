import type { ImageRef, Logger } from '@hazure/contracts';

export interface InputOptions {
  /** Keep every Nth image of the ordered listing, and of a video every Nth frame; 1 keeps all. */
  readonly every?: number;
  /** At most so many images, the first in order, after `selected`. */
  readonly limit?: number;
  /** Globs; what they match, by id or by base name, is left out. */
  readonly exclude?: readonly string[];
  /** Which positions of the listing are worked on: `parseIndexRanges` of the contracts; null or absent takes all. */
  readonly selected?: ((index: number) => boolean) | null;
  /** Folder, `s3://bucket/prefix`, URL, or folder inside archives that ids are relative to, in place of the common one. */
  readonly root?: string;
  /** Folders, by absolute path, that a walk passes over (run folders among the images). */
  readonly leaveOut?: (folder: string) => boolean;
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
  /** What `-` reads; the process's own standard input when absent. */
  readonly stdin?: AsyncIterable<Uint8Array>;
  /** What relative paths and the lines of standard input are relative to; the working folder when absent. */
  readonly cwd?: string;
  /** Environment for S3 (`AWS_…`), temporary files (`TMPDIR`) and ffmpeg (`PATH`); the process's when absent. */
  readonly env?: NodeJS.ProcessEnv;
  readonly limits?: Partial<InputLimits>;
}

export interface InputLimits {
  /** A packed or remote image above this is a failure, before it is read. */
  readonly maxImageBytes: number;
  /** A compressed archive may unpack to so many times its own size … */
  readonly maxUnpackRatio: number;
  /** … beyond this many bytes, below which no ratio counts. */
  readonly ratioFreeBytes: number;
  /** Entries held in memory before the listing goes to a temporary file. */
  readonly entriesInMemory: number;
  /** Silence after which a remote answer is given up and asked for again. */
  readonly timeoutMs: number;
  /** Tries of a remote read. */
  readonly attempts: number;
  /** First pause between tries; doubles each time. */
  readonly pauseMs: number;
}

export const DEFAULT_LIMITS: InputLimits = {
  maxImageBytes: 1024 ** 3,
  maxUnpackRatio: 100,
  ratioFreeBytes: 256 * 1024 ** 2,
  entriesInMemory: 100_000,
  timeoutMs: 30_000,
  attempts: 6,
  pauseMs: 250,
};

/** How many files were not taken, and why; what is zero is absent. */
export interface LeftOut {
  /** Files of other kinds by ending, lower case, `(none)` for names without one. */
  readonly byExtension: Readonly<Record<string, number>>;
  readonly hidden: number;
  /** Run folders among the images. */
  readonly runFolders: number;
  readonly excluded: number;
  readonly notEveryNth: number;
  readonly duplicates: number;
  readonly notSelected: number;
  readonly beyondLimit: number;
}

/** A frozen, ordered listing of images. */
export interface Inputs {
  /** Images to work on, after every option. */
  readonly total: number;
  /** Images listed before `selected` and `limit`: what indices count. */
  readonly listed: number;
  /** Bytes of all images to work on, as far as known. */
  readonly bytes: number;
  /** SHA-256 over index and id of every image to work on: the same for the same images in another form. */
  readonly identity: string;
  /** SHA-256 over index, id, size and time of every image to work on: another one when one of them was changed. */
  readonly state: string;
  readonly leftOut: LeftOut;
  /** Folder that ids of local images are relative to; for other inputs what was given. */
  readonly root: string;
  /** The images in order, from a position on; nothing else of the listing is held. */
  images(fromPosition?: number): AsyncIterable<ImageRef>;
  /** All of them at once, for callers that need an array. */
  refs(): Promise<ImageRef[]>;
  /** Removes temporary files and ends readers. The listing can't be read afterwards. */
  close(): Promise<void>;
}

/** Where an image's bytes are. `container` counts the archives and videos of one listing. */
export type Locator =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 's3'; readonly bucket: string; readonly key: string }
  | {
      readonly kind: 'tar';
      readonly container: number;
      readonly offset: number;
      readonly size: number;
      /** Pieces of a sparse member: offset in the image, bytes; absent for an ordinary one. */
      readonly sparse?: readonly (readonly [number, number])[];
      /** Bytes of a sparse member when whole. */
      readonly wholeSize?: number;
    }
  | {
      readonly kind: 'zip';
      readonly container: number;
      readonly header: number;
      readonly packed: number;
      readonly size: number;
      readonly method: number;
      readonly crc: number;
    }
  | { readonly kind: 'frame'; readonly container: number; readonly frame: number };

/** An image as a source found it, before it has an id. */
export interface Found {
  /** Ids of a group are made relative to what its images have in common. */
  readonly group: 'file' | 'member' | 's3' | 'http';
  /** Place within the group, with `/`: absolute path, member name, `bucket/key`, `host/path`. */
  readonly path: string;
  /** What tells equal names of different archives, buckets, hosts apart. */
  readonly label: string;
  readonly bytes: number | null;
  readonly modifiedMs: number | null;
  /** null when there is nothing to open. */
  readonly at: Locator | null;
  /** Why it can't be read, known before it is tried. */
  readonly problem: string | null;
  /** Frames of a video have been thinned out already. */
  readonly thinned?: boolean;
}
