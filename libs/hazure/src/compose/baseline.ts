import { basename } from 'node:path';
import { conceptListSchema, type ConceptList } from '@hazure/concept-matching';
import {
  ARTIFACTS,
  ConfigError,
  InputError,
  PHASE_OPTION_KEYS,
  messageOf,
  type ArtifactKey,
  type CropRecord,
  type PhaseOptions,
  type EmbeddingMatrix,
  type RunManifest,
} from '@hazure/contracts';
import { composeAccelerator } from './accelerator.js';
import { mapFromJson, readBaselineScorers, type Baseline, type BaselineMap } from '@hazure/pipeline';
import { inheritedModels, type InheritedModels } from './inherited-models.js';
import { RunReader, readNpy, sha256Hex, verifyArtifacts } from '@hazure/run-store';

/** Settings of detection that a baseline was learned with; new images must be looked at the same way. */
const INHERITED = [
  'models',
  'confThres',
  'iouThres',
  'maxDetections',
  'classes',
  'maskBackground',
  'thresholdPercentile',
] as const;

/** What judging with a baseline needs of its files. */
const NEEDED: readonly ArtifactKey[] = [
  'config',
  'reference',
  'isolationForest',
  'scorers',
  'calibration',
  'concepts',
];

export interface StoredBaseline {
  /** Absolute path. */
  readonly folder: string;
  readonly manifest: RunManifest;
  /** Option values that `detect` takes over unless told otherwise. */
  readonly inherited: Readonly<Record<string, unknown>>;
  /** Checksum over all that judging hangs on: two baselines of the same one judge the same. */
  readonly contentKey: string;
  /** Which models come from the baseline, not from `chosen`. */
  inheritedModels(chosen: object): InheritedModels;
  /** Of the arithmetic that it was learned in. */
  readonly precision: 'int8' | 'float';
  load(): Promise<Baseline>;
}

/** @throws ConfigError `PRECISION_MISMATCH` when new images would be looked at in another arithmetic */
export function checkSamePrecision(stored: StoredBaseline, options: PhaseOptions): void {
  const asked = options.precision === 'int8' ? 'int8' : 'float';
  if (asked === stored.precision) return;
  throw new ConfigError(
    `The baseline was learned in ${stored.precision}, but --precision ${options.precision} was asked for`,
    {
      code: 'PRECISION_MISMATCH',
      hint: 'Leave --precision out to judge as it was learned, or learn the baseline again.',
    },
  );
}

/**
 * Opens a finished baseline folder.
 * @throws InputError BASELINE_INVALID when it is none, or was changed since; ARTIFACT_INVALID, ARTIFACT_VERSION for a
 * file that can't be read; ModelError when a scorer's file is broken
 */
export async function openStoredBaseline(path: string): Promise<StoredBaseline> {
  const run = await RunReader.open(path);
  const manifest = run.manifest as RunManifest;
  if (manifest.kind !== 'baseline') {
    throw new InputError('BASELINE_INVALID', `${path} is a detection run, not a baseline`, {
      hint: 'Give the baseline_… folder that learn or run made.',
    });
  }
  await verifyArtifacts(
    run.folder,
    manifest,
    NEEDED.map((key) => ARTIFACTS[key].file),
  );
  const config = await run.baselineConfig();
  const inherited: Record<string, unknown> = { ...config.modelSources };
  for (const key of INHERITED) {
    if (PHASE_OPTION_KEYS.includes(key) && config.options[key] !== undefined)
      inherited[key] = config.options[key];
  }
  // int8 models are models of their own: what they learned, only they can judge.
  const precision = config.options['precision'];
  if (precision === 'int8') inherited['precision'] = precision;
  return {
    folder: run.folder,
    manifest,
    inherited,
    contentKey: contentKey(manifest),
    inheritedModels: (chosen) => inheritedModels(config, manifest, chosen),
    precision: precision === 'int8' ? 'int8' : 'float',
    load: () => load(run, manifest),
  };
}

/** Not the config: what of it decides is in the run's own options and models; where it was written does not. */
const JUDGED_WITH: readonly ArtifactKey[] = [
  ...NEEDED.filter((key) => key !== 'config'),
  'features',
  'crops',
  'referenceFeatures',
  'referenceCrops',
  'baselineMap',
];

function contentKey({ artifacts }: RunManifest): string {
  const names = new Set<string>(JUDGED_WITH.map((key) => ARTIFACTS[key].file));
  const parts = artifacts.filter(({ path }) => names.has(path)).map(({ path, sha256 }) => [path, sha256]);
  return sha256Hex(JSON.stringify(parts.sort(([a], [b]) => (a < b ? -1 : 1))));
}

async function load(run: RunReader, manifest: RunManifest): Promise<Baseline> {
  const reference = await run.reference();
  const sampled = reference.rows !== null;
  if (sampled) {
    await verifyArtifacts(run.folder, manifest, [
      ARTIFACTS.referenceFeatures.file,
      ARTIFACTS.referenceCrops.file,
    ]);
  } else await verifyArtifacts(run.folder, manifest, [ARTIFACTS.features.file, ARTIFACTS.crops.file]);
  const embeddings = await readMatrix(run.path(sampled ? 'referenceFeatures' : 'features'));
  const crops: CropRecord[] = [];
  for await (const crop of sampled ? run.referenceCrops() : run.crops()) crops.push(crop);
  if (crops.length !== embeddings.rows || reference.groups.length !== embeddings.rows) {
    throw new InputError(
      'ARTIFACT_INVALID',
      `${run.folder} holds ${crops.length} crops, ${reference.groups.length} groups and ${embeddings.rows} rows of features`,
      { hint: 'Learn the baseline again, or restore the folder.' },
    );
  }
  const files = new Map<string, unknown>();
  for (const key of ['isolationForest', 'scorers', 'calibration'] as const) {
    files.set(ARTIFACTS[key].file, await run.rawDocument(key));
  }
  return {
    name: basename(run.folder),
    folder: run.folder,
    embeddings,
    crops,
    rows: reference.rows,
    groups: Int32Array.from(reference.groups),
    scorers: readBaselineScorers((name) => files.get(name), embeddings, composeAccelerator()),
    concepts: parseConcepts(run, await run.rawDocument('concepts')),
    map: await baselineMap(run, manifest, embeddings.rows, reference.rows),
  };
}

async function readMatrix(path: string): Promise<EmbeddingMatrix> {
  const { data, shape } = await readNpy(path);
  if (!(data instanceof Float32Array) || shape.length !== 2) {
    throw new InputError('ARTIFACT_INVALID', `${path} is no float32 matrix`, {
      hint: 'Learn the baseline again, or restore the folder.',
    });
  }
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    const [row, column] = [Math.floor(wrong / shape[1]), wrong % shape[1]];
    throw new InputError('ARTIFACT_INVALID', `${path}: row ${row}, column ${column} is ${data[wrong]}`, {
      hint: 'Learn the baseline again, or restore the folder.',
    });
  }
  return { data, rows: shape[0], cols: shape[1] };
}

function parseConcepts(run: RunReader, value: unknown): ConceptList {
  const parsed = conceptListSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  throw new InputError(
    'ARTIFACT_INVALID',
    `${ARTIFACTS.concepts.file} of ${run.folder} is damaged: ${first.path.join('.')}: ${first.message}`,
    { cause: parsed.error, hint: 'Learn the baseline again, or restore the folder.' },
  );
}

/** The map to place new objects on. No verdict hangs on it, so a baseline without a sound one still serves. */
async function baselineMap(
  run: RunReader,
  manifest: RunManifest,
  count: number,
  rows: readonly number[] | null,
): Promise<BaselineMap> {
  const { file } = ARTIFACTS.baselineMap;
  if (!manifest.artifacts.some(({ path }) => path === file)) {
    return { map: null, reason: `the baseline has no ${file}` };
  }
  try {
    await verifyArtifacts(run.folder, manifest, [file]);
    return { map: mapFromJson(await run.baselineMap(), count, rows), reason: null };
  } catch (error) {
    return { map: null, reason: messageOf(error) };
  }
}
