import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock, CropRecord, RunFolder, RunManifestHead, Shard } from '@hazure/contracts';
import { DirectoryRunStore } from '../src/index.js';

export const clock: Clock = { now: () => new Date('2026-01-31T23:59:59Z'), monotonicMs: () => 0 };
export const head: RunManifestHead = {
  kind: 'baseline',
  hazureVersion: '0',
  createdAt: '2026-01-31T23:59:59.000Z',
  seed: 42,
  resumeKey: 'key',
  device: 'cpu',
  models: {},
  versions: {},
  counts: {},
  lineage: [],
};
export const crop = (n: number): CropRecord => ({
  cropId: `c${n}`,
  imageId: `i${n}`,
  imageIndex: n,
  imageWidthPx: 9,
  imageHeightPx: 9,
  box: { x1: 0, y1: 0, x2: 9, y2: 9 },
  classId: 0,
  className: 'car',
  confidence: 0.5,
  file: null,
});
export const shard = (from: number, to: number, value: number): Shard => ({
  fromPosition: from,
  toPosition: to,
  images: [{ imageId: `i${from}`, imageIndex: from, widthPx: 9, heightPx: 9, objects: 1 }],
  crops: [crop(from)],
  failures: [],
  embeddings: { data: Float32Array.of(value, value + 0.5), rows: 1, cols: 2 },
  sources: Array.from({ length: to - from }, () => [7, 1.5]),
});

interface Scratch {
  root: string;
  /** Of the folder `out` in root. */
  store: DirectoryRunStore;
  openNew(): Promise<RunFolder>;
}

/** A folder and a store of its own for each test, gone after it. */
export function scratchStore(): Scratch {
  const scratch = {} as Scratch;
  scratch.openNew = async () =>
    (await scratch.store.open({ kind: 'baseline', resumeKey: 'key', resume: false })).folder;
  beforeEach(async () => {
    scratch.root = await mkdtemp(join(tmpdir(), 'hazure-store-'));
    scratch.store = new DirectoryRunStore(join(scratch.root, 'out'), clock);
  });
  afterEach(() => rm(scratch.root, { recursive: true, force: true }));
  return scratch;
}

/** As a run that was stopped leaves its folder. */
export async function left(folder: RunFolder): Promise<RunFolder> {
  await folder.release();
  return folder;
}
