import type { RawImage } from '@hazure/native-engine';

/**
 * Runs items through a batch function and joins what comes back, in order. The adaptive one (device-memory) learns
 * how many fit; the plain one below takes a fixed number at a time.
 */
export interface BatchRunner {
  run<In, Out>(
    items: readonly In[],
    batch: (items: readonly In[]) => Promise<readonly Out[]>,
  ): Promise<Out[]>;
}

/** What is known of a model once it is loaded, for whoever decides how it is fed. */
export interface LoadedModel {
  readonly device: 'cpu' | 'cuda' | 'tensorrt';
  /** Batches that it infers at the same time. */
  readonly streams: number;
  /** Runs that many made-up items through it, to see what they cost. */
  readonly tryItems: (count: number) => Promise<unknown>;
}

/** Decides how a loaded model is fed. */
export type BatchPlan = (model: LoadedModel) => BatchRunner | Promise<BatchRunner>;

export class FixedBatches implements BatchRunner {
  /** @param size items at a time, at least 1 */
  constructor(private readonly size: number) {}

  async run<In, Out>(
    items: readonly In[],
    batch: (items: readonly In[]) => Promise<readonly Out[]>,
  ): Promise<Out[]> {
    const results: Out[] = [];
    for (let from = 0; from < items.length; from += this.size) {
      results.push(...(await batch(items.slice(from, from + this.size))));
    }
    return results;
  }
}

/** Grey images of a size, all over the same pixels. */
export function blankImages(count: number, widthPx: number, heightPx: number): RawImage[] {
  const image: RawImage = { data: new Uint8Array(3 * widthPx * heightPx).fill(128), widthPx, heightPx };
  return new Array<RawImage>(count).fill(image);
}
