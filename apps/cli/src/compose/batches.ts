import type { Logger, PhaseOptions } from '@hazure/contracts';
import type { Engine } from '@hazure/native-engine';
import { FixedBatches, type BatchRunner } from '@hazure/vision';

export interface ComposedBatches {
  readonly detector: BatchRunner;
  readonly embedder: BatchRunner;
  /** Images that go through the stages together. */
  readonly chunkImages: number;
}

/** On a CPU larger batches gain nothing and cost memory and latency (tools/bench). */
const CPU_BATCH = { detector: 4, embedder: 16 };

/** How many items each network takes at once. */
export function composeBatches(options: PhaseOptions, _engine: Engine, _logger: Logger): ComposedBatches {
  if (options.batchSize !== 'auto') {
    const runner = new FixedBatches(options.batchSize);
    return { detector: runner, embedder: runner, chunkImages: options.batchSize };
  }
  return {
    detector: new FixedBatches(CPU_BATCH.detector),
    embedder: new FixedBatches(CPU_BATCH.embedder),
    chunkImages: CPU_BATCH.detector,
  };
}
