import { link, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join, resolve } from 'node:path';
import {
  ARTIFACTS,
  InputError,
  shardPlanSchema,
  type ErrorCode,
  type ShardIdentity,
  type ShardPlan,
} from '@hazure/contracts';
import { makeFolder, sha256Hex, unwritable } from '../atomic.js';
import { readDocument } from '../read/documents.js';
import { PARTIAL_SUFFIX, SHARDS_FOLDER } from '../run-folder.js';

const PLAN_FILE = basename(ARTIFACTS.shardPlan.file);
const NAME = /^(baseline|detection)_shards_[0-9a-f]{12}\.partial$/;

/**
 * The unfinished folder that all parts of a run share. Every part can work its name out alone; what else must agree is
 * in the plan and checked there, so that a part that differs is told so and does not begin a second run beside it.
 */
export function shardedFolder(outputDir: string, kind: ShardPlan['kind'], given: readonly string[]): string {
  const name = `${kind}_shards_${sha256Hex(JSON.stringify([kind, given])).slice(0, 12)}`;
  return join(resolve(outputDir), name + PARTIAL_SUFFIX);
}

const planPath = (folder: string): string => join(folder, SHARDS_FOLDER, PLAN_FILE);
export const partFolder = (folder: string, shard: number): string =>
  join(folder, SHARDS_FOLDER, `part-${String(shard).padStart(6, '0')}`);

/**
 * The plan of a run: the one that is there, else this one. However many parts begin at once, one plan is taken: it gets
 * its name by a hard link, which appears whole and fails where another one has it.
 * @throws InputError OUTPUT_UNWRITABLE; ARTIFACT_… for a plan that can't be read
 */
export async function freezePlan(folder: string, proposed: () => Promise<ShardPlan>): Promise<ShardPlan> {
  const path = planPath(folder);
  const there = await readPlan(folder).catch(whenMissing);
  if (there) return there;
  const plan = await proposed();
  const temporary = `${path}.${hostname()}-${process.pid}.tmp`;
  try {
    await makeFolder(join(folder, SHARDS_FOLDER));
    await writeFile(temporary, `${JSON.stringify(plan)}\n`);
    await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return undefined;
      // a file system without hard links: created by one, though a reader may see it half-written for a moment
      return writeFile(path, `${JSON.stringify(plan)}\n`, { flag: 'wx' }).catch(unlessThere);
    });
  } catch (cause) {
    throw unwritable(path, cause);
  } finally {
    await rm(temporary, { force: true });
  }
  return readPlan(folder);
}

/** @throws InputError ARTIFACT_MISSING, ARTIFACT_INVALID, ARTIFACT_VERSION */
export function readPlan(folder: string): Promise<ShardPlan> {
  return readDocument(planPath(folder), 'shardPlan', shardPlanSchema);
}

/**
 * The one unfinished sharded run at a path: of an output folder, or that run's folder itself.
 * @throws InputError INPUT_MISSING where there is none, INPUT_INVALID where there are several
 */
export async function findShardedRun(path: string): Promise<string> {
  const folder = resolve(path);
  if (NAME.test(basename(folder))) return folder;
  const entries = await readdir(folder).catch(() => [] as string[]);
  const found = entries.filter((name) => NAME.test(name)).sort();
  if (found.length === 1) return join(folder, found[0]);
  if (found.length === 0) {
    throw new InputError('INPUT_MISSING', `${folder} holds no sharded run that waits for its merge`, {
      hint: 'Give the --output-dir of learn or detect with --shard; a merged run has its usual name there.',
    });
  }
  throw new InputError('INPUT_INVALID', `${folder} holds ${found.length} sharded runs: ${found.join(', ')}`, {
    hint: 'Give one of these folders. Parts that were given other inputs begin a run of their own.',
  });
}

/** Compares what decides results. @throws InputError SHARD_…_MISMATCH naming what differs */
export function checkIdentity(expected: ShardIdentity, got: ShardIdentity, who: string): void {
  const differ = (code: ErrorCode, text: string, hint: string): InputError =>
    new InputError(code, `${who} ${text}`, { hint });
  const again =
    'Use another --output-dir for another run, or remove the unfinished folder and start all parts again.';
  if (expected.hazureVersion !== got.hazureVersion) {
    throw differ(
      'SHARD_VERSION_MISMATCH',
      `is of hazure ${got.hazureVersion}; the run was begun with ${expected.hazureVersion}`,
      'Use one version for all parts and the merge.',
    );
  }
  const settings = differing(expected.settings, got.settings);
  if (settings !== null) throw differ('SHARD_CONFIG_MISMATCH', `has ${settings}`, again);
  const names = new Set([...Object.keys(expected.models), ...Object.keys(got.models)]);
  for (const role of names) {
    const [own, other] = [expected.models[role], got.models[role]];
    if (own?.name === other?.name && own?.sha256 === other?.sha256) continue;
    const text = `has the ${role} ${told(other)}; the run was begun with ${told(own)}`;
    throw differ('SHARD_MODEL_MISMATCH', text, 'Bring the same model files to every machine.');
  }
  if (expected.inputs !== got.inputs) {
    throw differ(
      'SHARD_LIST_MISMATCH',
      'lists other images than the first part did: some were added, removed or changed since, or its machine sees others',
      'Give a list file (find … > list.txt), which stays as it is, in place of a folder that grows.',
    );
  }
  if (expected.baselineKey !== got.baselineKey)
    throw differ('SHARD_CONFIG_MISMATCH', 'has another baseline or concept list', again);
  if (expected.resumeKey !== got.resumeKey)
    throw differ('SHARD_CONFIG_MISMATCH', 'has another resume key', again);
}

function told(model: { readonly name: string; readonly sha256: string | null } | undefined): string {
  return model === undefined ? 'none' : `${model.name} (${model.sha256?.slice(0, 12) ?? 'no checksum'})`;
}

function differing(
  expected: Readonly<Record<string, unknown>>,
  got: Readonly<Record<string, unknown>>,
): string | null {
  const keys = [...new Set([...Object.keys(expected), ...Object.keys(got)])].sort();
  const texts = keys.flatMap((key) => {
    const [own, other] = [JSON.stringify(expected[key]), JSON.stringify(got[key])];
    return own === other ? [] : [`option ${key} ${other ?? 'absent'} and not ${own ?? 'absent'}`];
  });
  return texts.length === 0 ? null : texts.join(', ');
}

function whenMissing(error: unknown): null {
  if (error instanceof InputError && error.code === 'ARTIFACT_MISSING') return null;
  throw error;
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
