import type { AttemptTimes, Clock, StageTime } from '@hazure/contracts';

/**
 * Adds up how long each stage was busy, and notes how much memory the process held. Of a run that is gone on with, the
 * attempts before count too, up to the last shard that each of them finished.
 */
export class StageTimes {
  private readonly stages = new Map<
    string,
    { busyMs: number; items: number; unit: string; running: number; sinceMs: number; memoryBytes: number }
  >();
  private readonly startedMs: number;

  constructor(
    private readonly clock: Clock,
    private readonly earlier: AttemptTimes | null = null,
    private readonly heldBytes: () => number = () => process.memoryUsage.rss(),
  ) {
    this.startedMs = clock.monotonicMs();
    for (const { stage, seconds, items, unit, memoryBytes } of earlier?.stages ?? [])
      this.stages.set(stage, { busyMs: seconds * 1000, items, unit, running: 0, sinceMs: 0, memoryBytes });
  }

  async measure<T>(stage: string, unit: string, items: number, work: () => Promise<T>): Promise<T> {
    let entry = this.stages.get(stage);
    if (!entry) {
      entry = { busyMs: 0, items: 0, unit, running: 0, sinceMs: 0, memoryBytes: 0 };
      this.stages.set(stage, entry);
    }
    if (entry.running++ === 0) entry.sinceMs = this.clock.monotonicMs();
    try {
      return await work();
    } finally {
      entry.items += items;
      entry.memoryBytes = Math.max(entry.memoryBytes, this.heldBytes());
      if (--entry.running === 0) entry.busyMs += this.clock.monotonicMs() - entry.sinceMs;
    }
  }

  /** Of all attempts. */
  get totalSeconds(): number {
    return (this.earlier?.seconds ?? 0) + (this.clock.monotonicMs() - this.startedMs) / 1000;
  }

  /** This one included. */
  get attempts(): number {
    return (this.earlier?.attempts ?? 0) + 1;
  }

  /** What the next attempt, if there must be one, counts as done before it. */
  soFar(): AttemptTimes {
    return { attempts: this.attempts, seconds: this.totalSeconds, stages: this.list() };
  }

  list(): StageTime[] {
    const now = this.clock.monotonicMs();
    return [...this.stages].map(([stage, { busyMs, items, unit, memoryBytes, running, sinceMs }]) => ({
      stage,
      seconds: (busyMs + (running > 0 ? now - sinceMs : 0)) / 1000,
      items,
      unit,
      memoryBytes,
    }));
  }
}
