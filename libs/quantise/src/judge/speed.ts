import type { Engine, InferenceSession, Tensor } from '@hazure/native-engine';

export interface SpeedComparison {
  /** Processor milliseconds a run, best of all rounds. */
  readonly fp32Ms: number;
  readonly int8Ms: number;
  /** fp32Ms / int8Ms */
  readonly speedup: number;
}

export interface SpeedOptions {
  readonly rounds?: number;
  /** Processor time of this process so far in microseconds; injected so that tests can repeat. */
  readonly cpuMicros: () => number;
}

/**
 * Speed of two models beside each other on one core, run in turns so that whatever else the machine does hits both.
 * Processor time is taken, not the clock's: another program on the same core does not add to it.
 */
export async function compareSpeed(
  engine: Engine,
  paths: readonly [fp32: string, int8: string],
  feed: Readonly<Record<string, Tensor>>,
  { rounds = 12, cpuMicros }: SpeedOptions,
): Promise<SpeedComparison> {
  const sessions: InferenceSession[] = [];
  const best = [Infinity, Infinity];
  try {
    for (const path of paths) {
      sessions.push(await engine.loadSession(path, { device: 'cpu', threads: 1, streams: 1 }));
    }
    for (let round = 0; round <= rounds; round++) {
      for (const [i, session] of sessions.entries()) {
        const start = cpuMicros();
        await session.run(feed);
        // the first round warms up
        if (round > 0) best[i] = Math.min(best[i]!, (cpuMicros() - start) / 1000);
      }
    }
  } finally {
    await Promise.all(sessions.map((session) => session.close()));
  }
  const [fp32Ms, int8Ms] = best as [number, number];
  return { fp32Ms, int8Ms, speedup: fp32Ms / int8Ms };
}
