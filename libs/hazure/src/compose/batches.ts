import { AdaptiveBatcher, MemoryBudget, engineMemoryProbe, planBatchSize } from '@hazure/device-memory';
import type { Logger, PhaseOptions } from '@hazure/contracts';
import type { Engine, SessionOptions } from '@hazure/native-engine';
import type { BatchPlan, LoadedModel } from '@hazure/vision';

export interface ComposedBatches {
  readonly detector: BatchPlan;
  readonly embedder: BatchPlan;
  /** Images that go through the stages together. */
  readonly chunkImages: number;
  /** Most bytes that the pixels of those may have. */
  readonly chunkBytes: number;
  /** What TensorRT builds its engines for. */
  readonly profile: NonNullable<NonNullable<SessionOptions['tensorrt']>['batch']>;
}

/** Pixels of one chunk stay below this, so that a few chunks in flight fit any machine. */
const CHUNK_BYTES = 96 * 2 ** 20;

type Role = 'detector' | 'embedder';

/**
 * On a CPU one inference runs a core, and a larger batch gains nothing but memory and latency: `hazure bench`, YOLOv8n
 * and MobileNetV2.
 */
const CPU_SIZES: Readonly<Record<Role, number>> = { detector: 1, embedder: 4 };
/** Beyond this a GPU gains little. */
const GPU_MAX = 128;
/** The detector plans first; the embedder, and a captioner in this process, need memory too. */
const GPU_SHARES: Readonly<Record<Role, number>> = { detector: 0.4, embedder: 0.5 };

/**
 * How many items each network takes at once. Under `auto` a GPU is planned for by measuring what an item costs; later
 * the size shrinks when memory runs out all the same, and grows back. A number given is kept, and only shrunk when it
 * does not fit.
 */
export function composeBatches(options: PhaseOptions, engine: Engine, logger: Logger): ComposedBatches {
  const { cuda, usableCores } = engine.info();
  const accelerated = options.device !== 'cpu' && cuda.devices.length > 0;
  const fixed = options.batchSize === 'auto' ? null : options.batchSize;
  // one budget, so that nobody plans with what another has set aside
  const budget = new MemoryBudget(engineMemoryProbe(engine), { device: 'cuda:0' });

  const initialSize = async (role: Role, model: LoadedModel): Promise<number> => {
    if (fixed !== null) return fixed;
    if (model.device === 'cpu') return CPU_SIZES[role];
    const { batchSize, memory } = await planBatchSize({
      budget,
      usedBytes: () => {
        const card = engine.memory().find(({ device }) => device === budget.device);
        return card === undefined ? 0 : card.totalBytes - card.freeBytes;
      },
      tryItems: model.tryItems,
      purpose: role,
      max: GPU_MAX,
      share: GPU_SHARES[role],
    });
    const each = memory === null ? '' : `, ${Math.ceil(memory.bytesPerItem / 2 ** 20)} MiB an item`;
    logger.info(`${role}: batches of ${batchSize}${each}`);
    return batchSize;
  };

  const plan =
    (role: Role): BatchPlan =>
    async (model) => {
      const initial = await initialSize(role, model);
      return new AdaptiveBatcher({
        initial,
        max: initial,
        inFlight: model.streams + 1,
        onResize: (size, reason) =>
          reason === 'out-of-memory'
            ? logger.warn(`${role}: memory ran out; going on with batches of ${size}`)
            : logger.debug(`${role}: batches of ${size} now`),
      });
    };
  const host = engine.memory().find(({ device }) => device === 'host');
  return {
    detector: plan('detector'),
    embedder: plan('embedder'),
    chunkImages: Math.max(fixed ?? 0, accelerated ? GPU_MAX : 4 * Math.min(usableCores, 16)),
    // Up to six chunks are under way. A GPU wants its batches full even of large photos.
    chunkBytes: accelerated
      ? Math.max(CHUNK_BYTES, Math.min(8 * CHUNK_BYTES, (host?.freeBytes ?? 0) / 24))
      : CHUNK_BYTES,
    profile: { min: 1, optimal: fixed ?? 16, max: fixed ?? GPU_MAX },
  };
}
