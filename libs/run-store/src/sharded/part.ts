import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import {
  ARTIFACTS,
  HazureError,
  InterruptedError,
  messageOf,
  shardStateSchema,
  type Clock,
  type RunFolder,
  type Shard,
  type ShardIdentity,
  type ShardPlan,
  type ShardState,
} from '@hazure/contracts';
import { makeFolder, unwritable, writeAtomic } from '../atomic.js';
import { hostName } from '../host.js';
import { Lease } from '../lease.js';
import { readDocument } from '../read/documents.js';
import { DirectoryRunFolder } from '../run-folder.js';
import { partFolder } from './plan.js';

/** A little longer than a lease outlives a machine that died: a task that is tried again elsewhere has to wait so long. */
const WAIT_MS = 150_000;
const LOOK_MS = 3_000;

export interface PartRequest {
  readonly folder: string;
  readonly plan: ShardPlan;
  /** 1-based. */
  readonly shard: number;
  readonly identity: ShardIdentity;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told once when another process seems to work on the part. */
  readonly onWait?: (reason: string) => void;
}

/** One part of a sharded run while a process works on it: its pieces, and beside them how far it is. */
export class ShardPart {
  /** The shared folder, with this part's pieces as its shards. */
  readonly runFolder: RunFolder;
  private state: ShardState;

  private constructor(
    private readonly path: string,
    private readonly clock: Clock,
    runFolder: RunFolder,
    state: ShardState,
  ) {
    this.runFolder = runFolder;
    this.state = state;
  }

  /**
   * Takes a part of a run for this process and verifies what an earlier attempt left. Where another process has it, waits
   * for as long as that one may have died without a word.
   * @throws InputError OUTPUT_UNWRITABLE when another process works on it; InterruptedError while waiting
   */
  static async open(request: PartRequest): Promise<ShardPart> {
    const { folder, plan, shard, identity, clock } = request;
    const path = partFolder(folder, shard);
    const range = plan.ranges[shard - 1];
    await makeFolder(path).catch((cause: unknown) => {
      throw unwritable(path, cause);
    });
    const lease = await takePatiently(path, request);
    const opened: { part?: ShardPart } = {};
    try {
      const runFolder = await DirectoryRunFolder.open(folder, lease, {
        shardsFolder: path,
        afterCommit: async (piece) => opened.part?.add(piece),
      });
      const found = { done: 0, objects: 0, failures: 0 };
      for await (const piece of runFolder.shards.read()) count(found, piece);
      const earlier = await readState(folder, shard).catch(() => null);
      const now = clock.now().toISOString();
      const part = new ShardPart(path, clock, runFolder, {
        format: ARTIFACTS.shardState.format,
        shard,
        identity,
        range,
        ...found,
        finished: false,
        error: null,
        host: hostName(),
        attempts: (earlier?.attempts ?? 0) + 1,
        startedWith: found.done,
        startedAt: now,
        updatedAt: now,
      });
      opened.part = part;
      await part.save({});
      return part;
    } catch (error) {
      await lease.release();
      throw error;
    }
  }

  get counts(): Readonly<Pick<ShardState, 'done' | 'objects' | 'failures'>> {
    return this.state;
  }

  /** Images whose pieces were damaged and are made again. */
  get damagedImages(): number {
    return this.runFolder.shards.damaged.reduce((sum, { from, to }) => sum + to - from, 0);
  }

  /** The part is done: every image is in a durable piece. */
  async finish(): Promise<void> {
    await this.save({ finished: true, error: null });
    await this.runFolder.release();
  }

  /** The attempt ended before the part did; the next one goes on. */
  async fail(error: unknown): Promise<void> {
    const code = error instanceof HazureError ? error.code : 'INTERNAL';
    // the part's own error is the one to report
    await this.save({ error: { code, message: messageOf(error) } }).catch(() => undefined);
    await this.runFolder.release();
  }

  private async add(piece: Shard): Promise<void> {
    const { done, objects, failures } = this.state;
    const sums = { done, objects, failures };
    count(sums, piece);
    await this.save(sums);
  }

  private async save(change: Partial<ShardState>): Promise<void> {
    this.state = { ...this.state, ...change, updatedAt: this.clock.now().toISOString() };
    await writeAtomic(join(this.path, 'state.json'), `${JSON.stringify(this.state, null, 2)}\n`);
  }
}

/** @throws InputError ARTIFACT_MISSING where the part was never begun */
export function readState(folder: string, shard: number): Promise<ShardState> {
  return readDocument(join(partFolder(folder, shard), 'state.json'), 'shardState', shardStateSchema);
}

function count(sums: { done: number; objects: number; failures: number }, piece: Shard): void {
  sums.done += piece.toPosition - piece.fromPosition;
  sums.objects += piece.crops.length;
  sums.failures += piece.failures.length;
}

async function takePatiently(path: string, { signal, onWait }: PartRequest): Promise<Lease> {
  for (let waited = 0; ; waited += LOOK_MS) {
    const reason = await Lease.heldBy(path);
    if (reason === null || waited >= WAIT_MS) return Lease.take(path);
    if (waited === 0) onWait?.(reason);
    await pause(LOOK_MS, undefined, { signal }).catch((cause: unknown) => {
      throw new InterruptedError('Interrupted while another process had the part', { cause });
    });
  }
}
