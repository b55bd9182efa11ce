import { basename } from 'node:path';
import { conceptListSchema, type ConceptList } from '@hazure/concept-matching';
import {
  ARTIFACTS,
  ConfigError,
  InputError,
  PHASE_OPTION_KEYS,
  optionBelongsTo,
  type BaselineConfig,
  type BaselineStep,
  type ModelInfo,
  type RunManifest,
} from '@hazure/contracts';
import type { ConceptExpander, FinishedRows, ObjectStages } from '@hazure/pipeline';
import { RunReader, verifyArtifacts } from '@hazure/run-store';
import { openStoredBaseline } from './baseline.js';

/** Options of a run's place, inputs and machine, which a baseline that grows from it does not take over. */
const OF_ONE_RUN = new Set<string>([
  'outputDir',
  'baselineFolder',
  'testFolder',
  'every',
  'limit',
  'exclude',
  'inputRoot',
  'trainIndices',
  'batchSize',
  'device',
  'precision',
  'threads',
  'resume',
  'offline',
  'conceptList',
  'useConceptList',
  'cleanupTempFiles',
]);

/** A baseline that another one grows from. */
export interface ExtendedBaseline {
  /** Absolute. */
  readonly folder: string;
  readonly manifest: RunManifest;
  readonly config: BaselineConfig;
  /** Option values that the new baseline takes over unless told otherwise. */
  readonly inherited: Readonly<Record<string, unknown>>;
  readonly rows: FinishedRows;
  readonly concepts: ConceptList;
  /** Hands the concepts on that were found for the old baseline; null where there are none. */
  readonly expander: ConceptExpander | null;
  /** @throws ConfigError BASELINE_MISMATCH when rows of these models can't stand beside the old ones */
  checkModels(stages: Pick<ObjectStages, 'detector' | 'embedder'>): void;
  /** @param totals of the new baseline */
  lineage(
    added: Pick<BaselineStep['added'], 'what' | 'from'>,
    totals: { readonly images: number; readonly objects: number },
  ): readonly BaselineStep[];
}

/**
 * Opens a finished baseline to grow from; its lists and embeddings are verified.
 * @throws InputError BASELINE_INVALID, ARTIFACT_… as `openStoredBaseline`
 */
export async function openExtended(path: string): Promise<ExtendedBaseline> {
  await openStoredBaseline(path);
  const run = await RunReader.open(path);
  const manifest = run.manifest as RunManifest;
  const needed = [ARTIFACTS.features, ARTIFACTS.crops, ARTIFACTS.images, ARTIFACTS.failures];
  await verifyArtifacts(
    run.folder,
    manifest,
    needed.map(({ file }) => file),
  );
  const config = await run.baselineConfig();
  const concepts = conceptListSchema.parse(await run.rawDocument('concepts'));
  const name = basename(run.folder);
  return {
    folder: run.folder,
    manifest,
    config,
    inherited: inheritedOf(config),
    rows: await finishedRows(run),
    concepts,
    expander: keptConcepts(concepts, manifest.models['concepts']),
    checkModels: ({ detector, embedder }) => {
      for (const [role, { info }] of Object.entries({ detector, embedder })) {
        const learned = manifest.models[role];
        if (!learned || sameModel(learned, info)) continue;
        throw new ConfigError(
          `${name} was learned with the ${role} ${learned.name}, not with ${info.name}, so their rows can't be joined`,
          {
            code: 'BASELINE_MISMATCH',
            hint: `Leave option ${role} out to use the same one, or learn all images again.`,
          },
        );
      }
    },
    lineage: (added, totals) => [
      ...manifest.lineage,
      {
        baseline: name,
        createdAt: manifest.createdAt,
        resumeKey: manifest.resumeKey,
        added: {
          ...added,
          images: totals.images - (manifest.counts['images'] ?? 0),
          objects: totals.objects - (manifest.counts['objects'] ?? 0),
        },
      },
    ],
  };
}

/** Weights decide; tiles have none, and are told apart by name. */
export function sameModel(a: ModelInfo, b: ModelInfo): boolean {
  return a.sha256 === b.sha256 && (a.sha256 !== null || a.name === b.name);
}

/** What reads a run's rows; `crops` of a detection are its objects. */
export async function finishedRows(run: RunReader): Promise<FinishedRows> {
  const { take } = await run.features();
  return {
    name: run.name,
    images: () => run.images(),
    crops: () => run.crops(),
    failures: () => run.failures(),
    take,
    picture: (file) => run.file(file),
  };
}

function inheritedOf({ options, modelSources }: BaselineConfig): Record<string, unknown> {
  const inherited: Record<string, unknown> = { ...modelSources };
  for (const key of PHASE_OPTION_KEYS) {
    if (OF_ONE_RUN.has(key) || key in modelSources || !optionBelongsTo(key, 'learn')) continue;
    if (options[key] !== undefined) inherited[key] = options[key];
  }
  return inherited;
}

function keptConcepts(concepts: ConceptList, info: ModelInfo | undefined): ConceptExpander | null {
  if (concepts.expansions.length === 0) return null;
  if (!info) {
    throw new InputError('ARTIFACT_INVALID', 'The manifest names no model that found the concepts', {
      hint: 'Learn the baseline again, or restore the folder.',
    });
  }
  return {
    expand: async () => ({ concepts: concepts.expansions, failures: concepts.failures, info }),
  };
}
