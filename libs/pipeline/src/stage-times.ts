import type { Clock, StageTime } from '@hazure/contracts';

/** Adds up how long each stage was busy, and notes how much memory the process held. */
export class StageTimes {
  private readonly stages = new Map<
    string,
    { busyMs: number; items: number; unit: string; running: number; sinceMs: number; memoryBytes: number }
  >();
  private readonly startedMs: number;

  constructor(
    private readonly clock: Clock,
    private readonly heldBytes: () => number = () => process.memoryUsage.rss(),
  ) {
    this.startedMs = clock.monotonicMs();
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

  get totalSeconds(): number {
    return (this.clock.monotonicMs() - this.startedMs) / 1000;
  }

  list(): StageTime[] {
    return [...this.stages].map(([stage, { busyMs, items, unit, memoryBytes }]) => ({
      stage,
      seconds: busyMs / 1000,
      items,
      unit,
      memoryBytes,
    }));
  }
}
