import { basename, resolve } from 'node:path';
import { readFile } from 'node:fs/promises';
import { conceptListSchema } from '@hazure/concept-matching';
import {
  InputError,
  PHASE_OPTION_KEYS,
  messageOf,
  type CropRecord,
  type RunManifest,
} from '@hazure/contracts';
import { mapFromJson, readBaselineScorers, type Baseline, type BaselineMap } from '@hazure/pipeline';
import { readManifest, readNpy, verifyArtifacts } from '@hazure/run-store';

/** Settings of detection that a baseline was learned with; new images must be looked at the same way. */
const INHERITED = [
  'models',
  'confThres',
  'iouThres',
  'maxDetections',
  'classes',
  'thresholdPercentile',
] as const;

/** What judging with a baseline needs of its files. */
const NEEDED = [
  'config.json',
  'features.npy',
  'crops.jsonl',
  'iso_model.json',
  'scorers.json',
  'calibration.json',
  'concepts.json',
];

const MAP_FILE = 'tsne_map.json';

export interface StoredBaseline {
  readonly manifest: RunManifest;
  /** Option values that `detect` takes over unless told otherwise. */
  readonly inherited: Readonly<Record<string, unknown>>;
  load(): Promise<Baseline>;
}

/**
 * Opens a finished baseline folder. @throws InputError BASELINE_INVALID when it is none, or was changed since;
 * ModelError when a scorer's file is broken
 */
export async function openBaseline(path: string): Promise<StoredBaseline> {
  const folder = resolve(path);
  const manifest = await readManifest(folder);
  if (manifest.kind !== 'baseline') {
    throw new InputError('BASELINE_INVALID', `${path} is a detection run, not a baseline`, {
      hint: 'Give the baseline_… folder that learn or run made.',
    });
  }
  await verifyArtifacts(folder, manifest, NEEDED);
  const config = (await readJson(folder, 'config.json')) as {
    options: Record<string, unknown>;
    modelSources: Record<string, string>;
  };
  const inherited: Record<string, unknown> = { ...config.modelSources };
  for (const key of INHERITED) {
    if (PHASE_OPTION_KEYS.includes(key) && config.options[key] !== undefined)
      inherited[key] = config.options[key];
  }
  return { manifest, inherited, load: () => load(folder, manifest) };
}

async function load(folder: string, manifest: RunManifest): Promise<Baseline> {
  const { data, shape } = await readNpy(`${folder}/features.npy`);
  const embeddings = { data: data as Float32Array, rows: shape[0], cols: shape[1] };
  const files = new Map<string, unknown>();
  for (const name of ['iso_model.json', 'scorers.json', 'calibration.json', 'concepts.json']) {
    files.set(name, await readJson(folder, name));
  }
  const lines = (await readFile(`${folder}/crops.jsonl`, 'utf8')).split('\n').filter((line) => line !== '');
  return {
    name: basename(folder),
    folder,
    embeddings,
    crops: lines.map((line) => JSON.parse(line) as CropRecord),
    scorers: readBaselineScorers((name) => files.get(name), embeddings),
    concepts: conceptListSchema.parse(files.get('concepts.json')),
    map: await baselineMap(folder, manifest, embeddings.rows),
  };
}

/** The map to place new objects on. No verdict hangs on it, so a baseline without a sound one still serves. */
async function baselineMap(folder: string, manifest: RunManifest, rows: number): Promise<BaselineMap> {
  if (!manifest.artifacts.some(({ path }) => path === MAP_FILE)) {
    return { map: null, reason: `the baseline has no ${MAP_FILE}` };
  }
  try {
    await verifyArtifacts(folder, manifest, [MAP_FILE]);
    return { map: mapFromJson(await readJson(folder, MAP_FILE), rows), reason: null };
  } catch (error) {
    return { map: null, reason: messageOf(error) };
  }
}

async function readJson(folder: string, name: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(`${folder}/${name}`, 'utf8'));
  } catch (cause) {
    throw new InputError('BASELINE_INVALID', `Can't read ${name} of ${folder}: ${messageOf(cause)}`, {
      cause,
      hint: 'Learn the baseline again.',
    });
  }
}
