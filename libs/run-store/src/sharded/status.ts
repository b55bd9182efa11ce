import { InputError, type Clock, type ShardPlan, type ShardState } from '@hazure/contracts';
import { Lease } from '../lease.js';
import { partFolder } from './plan.js';
import { readState } from './part.js';

export interface PartStatus {
  /** 1-based. */
  readonly shard: number;
  /** `failed`: begun, and nobody works on it; `missing`: never begun. */
  readonly state: 'done' | 'running' | 'failed' | 'missing';
  readonly images: number;
  readonly done: number;
  readonly failures: number;
  readonly host: string | null;
  readonly attempts: number;
  /** Why the last attempt ended, where it could still say. */
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface ShardedStatus {
  readonly folder: string;
  readonly kind: ShardPlan['kind'];
  readonly shards: readonly PartStatus[];
  readonly images: number;
  readonly done: number;
  readonly failures: number;
  /** Of the parts that run now; null where none has finished a piece yet. */
  readonly imagesPerSecond: number | null;
  /** What is left at that rate, also of parts that do not run yet; null where there is none. */
  readonly secondsLeft: number | null;
  readonly complete: boolean;
}

/** How far every part of a sharded run is. @throws InputError ARTIFACT_… for a plan or state that can't be read */
export async function shardedStatus(folder: string, plan: ShardPlan, clock: Clock): Promise<ShardedStatus> {
  const shards: PartStatus[] = [];
  let rate = 0;
  for (const [at, range] of plan.ranges.entries()) {
    const shard = at + 1;
    const state = await readState(folder, shard).catch(whenMissing);
    const status = await partStatus(folder, shard, range.to - range.from, state);
    shards.push(status);
    if (state && status.state === 'running') rate += rateOf(state, clock);
  }
  const sum = (key: 'images' | 'done' | 'failures'): number =>
    shards.reduce((total, part) => total + part[key], 0);
  const [images, done] = [sum('images'), sum('done')];
  return {
    folder,
    kind: plan.kind,
    shards,
    images,
    done,
    failures: sum('failures'),
    imagesPerSecond: rate > 0 ? rate : null,
    secondsLeft: done === images ? 0 : rate > 0 ? (images - done) / rate : null,
    complete: shards.every(({ state }) => state === 'done'),
  };
}

async function partStatus(
  folder: string,
  shard: number,
  images: number,
  state: ShardState | null,
): Promise<PartStatus> {
  const done = state?.finished === true;
  const held = !done && (await Lease.heldBy(partFolder(folder, shard)).catch(whenGone)) !== null;
  const how = done ? 'done' : held ? 'running' : state === null ? 'missing' : 'failed';
  return {
    shard,
    state: how,
    images,
    done: state?.done ?? 0,
    failures: state?.failures ?? 0,
    host: state?.host ?? null,
    attempts: state?.attempts ?? 0,
    error: state?.error ?? null,
  };
}

/** Images a second of the attempt that runs, from when it began to now: a part that hangs slows down. */
function rateOf(state: ShardState, clock: Clock): number {
  const seconds = (clock.now().getTime() - Date.parse(state.startedAt)) / 1000;
  return seconds > 0 ? (state.done - state.startedWith) / seconds : 0;
}

/** A part whose folder is not there, or that can't be written to by whoever asks. */
function whenGone(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}

function whenMissing(error: unknown): null {
  if (error instanceof InputError && error.code === 'ARTIFACT_MISSING') return null;
  throw error;
}
