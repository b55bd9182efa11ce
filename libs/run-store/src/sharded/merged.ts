import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  InputError,
  messageOf,
  type AttemptTimes,
  type PositionRange,
  type RunFolder,
  type SetAside,
  type Shard,
  type ShardPlan,
  type ShardState,
  type ShardStore,
} from '@hazure/contracts';
import { Lease } from '../lease.js';
import { DirectoryRunFolder, SHARDS_FOLDER } from '../run-folder.js';
import { readShardFile } from '../shard-file.js';
import { shardName } from '../shards.js';
import { checkIdentity, partFolder } from './plan.js';
import { readState } from './part.js';

/** The pieces of all parts in the order of the images, as one run would have written them. */
export class MergedShards implements ShardStore {
  private constructor(
    private readonly folder: string,
    private readonly plan: ShardPlan,
    private readonly states: readonly ShardState[],
  ) {}

  /**
   * Checks that every part is there, done, and of one version, configuration, set of models and listing.
   * @throws InputError SHARD_MISSING, SHARD_…_MISMATCH, SHARD_DAMAGED
   */
  static async open(folder: string, plan: ShardPlan): Promise<MergedShards> {
    const states: ShardState[] = [];
    const missing: string[] = [];
    for (const [at, range] of plan.ranges.entries()) {
      const shard = at + 1;
      const state = await stateOf(folder, shard);
      if (state === null) missing.push(`${shard} (never begun)`);
      else {
        checkIdentity(plan.identity, state.identity, `Part ${shard} of ${plan.ranges.length}`);
        checkRange(state, range, shard);
        if (!state.finished)
          missing.push(`${shard} (${state.done} of ${range.to - range.from} images${why(state)})`);
        states.push(state);
      }
    }
    await noOthers(folder, plan.ranges.length);
    if (missing.length > 0) {
      throw new InputError(
        'SHARD_MISSING',
        `${missing.length} of ${plan.ranges.length} parts are not done: ${missing.slice(0, 20).join(', ')}${missing.length > 20 ? ', …' : ''}`,
        { hint: 'Run these parts (again): --shard I/N goes on where it stopped. hazure status shows all.' },
      );
    }
    return new MergedShards(folder, plan, states);
  }

  readonly damaged: readonly SetAside[] = [];
  readonly earlierTimes: AttemptTimes | null = null;

  get finished(): readonly PositionRange[] {
    return this.plan.ranges.filter(({ from, to }) => from < to);
  }

  missing(): PositionRange[] {
    return [];
  }

  sourcesOf(): null {
    return null;
  }

  async saveTimes(): Promise<void> {
    // the times of a merge are no attempt at the images
  }

  async write(): Promise<never> {
    throw new TypeError('The parts of this run are all done');
  }

  async setAside(): Promise<never> {
    throw new TypeError('A merge changes no part');
  }

  async *read(): AsyncGenerator<Shard> {
    for (const state of this.states) yield* this.readPart(state);
  }

  private async *readPart(state: ShardState): AsyncGenerator<Shard> {
    const { range, shard } = state;
    let [at, objects, failures] = [range.from, 0, 0];
    const folder = partFolder(this.folder, shard);
    for (const place of await piecesIn(folder)) {
      if (place.from !== at)
        throw shardDamaged(shard, `no piece begins at image ${at}, one does at ${place.from}`);
      const piece = await readShardFile(join(folder, shardName(place)), place).catch((error: unknown) => {
        throw isDamage(error) ? shardDamaged(shard, messageOf(error), error) : error;
      });
      at = piece.toPosition;
      objects += piece.crops.length;
      failures += piece.failures.length;
      yield piece;
    }
    if (at !== range.to) throw shardDamaged(shard, `its pieces end at image ${at} of ${range.to}`);
    if (objects !== state.objects || failures !== state.failures) {
      throw shardDamaged(
        shard,
        `its pieces hold ${objects} objects and ${failures} failures, not ${state.objects} and ${state.failures}`,
      );
    }
  }
}

/**
 * The shared folder as the one run that it becomes; nobody else merges it meanwhile.
 * @param name what it is called when finished
 * @throws InputError OUTPUT_UNWRITABLE while another process merges it
 */
export async function openMerge(folder: string, shards: MergedShards, name: string): Promise<RunFolder> {
  const lease = await Lease.take(join(folder, SHARDS_FOLDER));
  try {
    await sweepPictures(folder);
    return await DirectoryRunFolder.open(folder, lease, { shards, finalPath: join(dirname(folder), name) });
  } catch (error) {
    await lease.release();
    throw error;
  }
}

/** What killed parts and merges left under temporary names; the parts are all done, and their own folders are theirs. */
async function sweepPictures(folder: string): Promise<void> {
  const below = await readdir(folder, { withFileTypes: true });
  const folders = below.filter((each) => each.isDirectory() && each.name !== SHARDS_FOLDER);
  for (const path of [folder, ...folders.map(({ name }) => join(folder, name))]) {
    for (const name of await readdir(path))
      if (name.endsWith('.tmp')) await rm(join(path, name), { force: true });
  }
}

const PIECE = /^shard-(\d{10})-(\d{10})\.jsonl$/;

/** Pieces of a part in order; nothing is moved or removed, as the part's own process would. */
async function piecesIn(folder: string): Promise<PositionRange[]> {
  return (await readdir(folder)).sort().flatMap((name) => {
    const match = PIECE.exec(name);
    return match ? [{ from: Number(match[1]), to: Number(match[2]) }] : [];
  });
}

/** Whether an error of reading a piece says that the piece is bad, rather than that it can't be read right now. */
function isDamage(error: unknown): boolean {
  return error instanceof InputError || (error as NodeJS.ErrnoException | null)?.code === 'ENOENT';
}

async function stateOf(folder: string, shard: number): Promise<ShardState | null> {
  try {
    return await readState(folder, shard);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    if (error.code === 'ARTIFACT_MISSING') return null;
    throw shardDamaged(shard, messageOf(error), error);
  }
}

function checkRange(state: ShardState, range: ShardPlan['ranges'][number], shard: number): void {
  const { from, to } = state.range;
  if (state.shard === shard && from === range.from && to === range.to) return;
  throw new InputError(
    'SHARD_CONFIG_MISMATCH',
    `Part ${shard} covers images ${from} to ${to}, and the plan says ${range.from} to ${range.to}`,
    { hint: 'Its folder is from another cut of the run: remove it and run the part again.' },
  );
}

/** A part of a number that the plan does not have would be left out in silence. */
async function noOthers(folder: string, count: number): Promise<void> {
  for (const name of await readdir(join(folder, SHARDS_FOLDER))) {
    const shard = Number(/^part-(\d{6})$/.exec(name)?.[1] ?? 0);
    if (shard > count) {
      throw new InputError('SHARD_CONFIG_MISMATCH', `There is a part ${shard}, and the plan has ${count}`, {
        hint: `Remove ${partFolder(folder, shard)} if it is from another cut of the run.`,
      });
    }
  }
}

const why = ({ error }: ShardState): string => (error === null ? '' : `; ${error.code}: ${error.message}`);

function shardDamaged(shard: number, what: string, cause?: unknown): InputError {
  return new InputError('SHARD_DAMAGED', `Part ${shard} is damaged: ${what}`, {
    cause,
    hint: `Run part ${shard} again: it keeps what is sound and makes the rest anew. Then merge again.`,
  });
}
