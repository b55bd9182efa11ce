import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeTinyModel, spreadPhotos } from '@hazure/test-kit';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const BIN = join(root, 'apps/cli/bin/hazure.cjs');
const shared = join(root, '../shared');

/** Real photos and weights beside the checkout; null where they are absent. */
export const realData = existsSync(join(shared, 'data/coco128/images'))
  ? {
      photos: join(shared, 'data/coco128/images'),
      models: [
        '--detector',
        join(shared, 'models/yolox_nano.onnx'),
        '--embedder',
        join(shared, 'models/mobilenet_v2_features.onnx'),
      ],
      embeddings: join(shared, 'data/mvtec-vit-embeddings'),
    }
  : null;

/** `test`, or a skip that says why. */
export const realTest: typeof test = realData
  ? test
  : (((name: string) =>
      test.skip(`${name} (../shared is absent)`, () => undefined)) as unknown as typeof test);

interface Photos {
  /** A folder of at least forty. */
  readonly photos: string;
  /** `--detector FILE --embedder FILE` */
  readonly models: readonly string[];
  /** Whether they are the stand-ins that the repository carries. */
  readonly standIn: boolean;
}

/**
 * Real photos and models where they are, else the photos that the repository carries with tiny models: so that a
 * stranger's clone runs the end-to-end tests. `HAZURE_TEST_PHOTOS=kit` asks for the latter.
 */
export async function photosAndModels(): Promise<Photos> {
  if (realData && process.env['HAZURE_TEST_PHOTOS'] !== 'kit') return { ...realData, standIn: false };
  const folder = mkdtempSync(join(tmpdir(), 'hazure-photos-'));
  await spreadPhotos(join(folder, 'photos'), 40);
  const detector = makeTinyModel('dfine', join(folder, 'dfine'));
  const embedder = makeTinyModel('clip', join(folder, 'clip'));
  return {
    photos: join(folder, 'photos'),
    models: [
      '--detector',
      join(detector, 'onnx/model.onnx'),
      '--embedder',
      join(embedder, 'onnx/vision_model.onnx'),
    ],
    standIn: true,
  };
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningHazure {
  readonly finished: Promise<Finished>;
  interrupt(): void;
  /** Ends it at once, as a crash or a power cut would. */
  kill(): void;
  /** Resolves once standard error has said this. */
  said(text: string): Promise<void>;
}

/** Starts the built command as a user would. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): RunningHazure {
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  });
  let stdout = '';
  let stderr = '';
  const waiting: { text: string; resolve: () => void }[] = [];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString();
    for (const { text, resolve } of waiting) if (stderr.includes(text)) resolve();
  });
  return {
    finished: new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr }))),
    interrupt: () => child.kill('SIGINT'),
    kill: () => child.kill('SIGKILL'),
    said: (text) => new Promise((resolve) => waiting.push({ text, resolve })),
  };
}

export const hazure = (args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Finished> =>
  start(args, env).finished;

/** The one run folder of a kind. */
export function runFolder(outputDir: string, kind: 'baseline' | 'detection'): string {
  const names = readdirSync(outputDir).filter((name) => name.startsWith(`${kind}_`));
  if (names.length !== 1)
    throw new Error(`expected one ${kind} folder in ${outputDir}, found ${names.join(', ')}`);
  return join(outputDir, names[0]);
}
