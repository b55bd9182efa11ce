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
