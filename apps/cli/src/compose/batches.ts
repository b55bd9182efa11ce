import { AdaptiveBatcher } from '@hazure/device-memory';
import type { Logger, PhaseOptions } from '@hazure/contracts';
import type { Engine } from '@hazure/native-engine';
import type { BatchRunner } from '@hazure/vision';

export interface ComposedBatches {
  readonly detector: BatchRunner;
  readonly embedder: BatchRunner;
  /** Images that go through the stages together. */
  readonly chunkImages: number;
}

interface Sizes {
  readonly detector: number;
  readonly embedder: number;
  /** Largest that memory may be tried with. */
  readonly max: number;
  readonly chunkImages: number;
}

/** On a CPU a larger batch gains nothing and costs memory and latency. */
const CPU: Sizes = { detector: 4, embedder: 16, max: 16, chunkImages: 4 };
/** On a GPU batches start where any card has room, and grow while they fit. */
const GPU: Sizes = { detector: 16, embedder: 32, max: 128, chunkImages: 64 };

/**
 * How many items each network takes at once. Under `auto` the sizes grow with success and shrink when memory runs out;
 * a number given is kept, and only shrunk when it does not fit.
 */
export function composeBatches(options: PhaseOptions, engine: Engine, logger: Logger): ComposedBatches {
  const accelerated = options.device !== 'cpu' && engine.info().cuda.devices.length > 0;
  const sizes = accelerated ? GPU : CPU;
  const fixed = options.batchSize === 'auto' ? null : options.batchSize;
  const batcher = (who: string, initial: number): AdaptiveBatcher =>
    new AdaptiveBatcher({
      initial: fixed ?? initial,
      max: fixed ?? sizes.max,
      // on a CPU growing would only cost memory
      ...(accelerated ? {} : { growAfter: Number.MAX_SAFE_INTEGER }),
      onResize: (size, reason) =>
        reason === 'out-of-memory'
          ? logger.warn(`${who}: memory ran out; going on with batches of ${size}`)
          : logger.debug(`${who}: batches of ${size} now`),
    });
  return {
    detector: batcher('detector', sizes.detector),
    embedder: batcher('embedder', sizes.embedder),
    chunkImages: Math.max(fixed ?? 0, sizes.chunkImages),
  };
}
