import { HazureError, InputError, OutOfDeviceMemoryError } from '@hazure/contracts';
import fc from 'fast-check';
import { AdaptiveBatcher } from './adaptive-batcher.js';

/** A device that holds `capacity` items at once; a batch that does not fit fails, as CUDA's would. */
class TinyDevice {
  readonly sizes: number[] = [];
  readonly seen = new Map<number, number>();
  failures = 0;
  private inUse = 0;

  constructor(private readonly capacity: number) {}

  readonly run = async (items: readonly number[]): Promise<string[]> => {
    this.sizes.push(items.length);
    if (this.inUse + items.length > this.capacity) {
      this.failures += 1;
      throw new OutOfDeviceMemoryError('Failed to allocate memory for requested buffer');
    }
    this.inUse += items.length;
    await new Promise((done) => setImmediate(done));
    this.inUse -= items.length;
    for (const item of items) this.seen.set(item, (this.seen.get(item) ?? 0) + 1);
    return items.map((item) => `result ${item}`);
  };
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const expected = (n: number): string[] => range(n).map((item) => `result ${item}`);

describe('AdaptiveBatcher', () => {
  test('gives the same results whatever fits: nothing lost, doubled or reordered', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 150 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 5 }),
        async (count, capacity, initial, inFlight, growAfter) => {
          const device = new TinyDevice(capacity);
          const batcher = new AdaptiveBatcher({ initial, max: 64, inFlight, growAfter });
          expect(await batcher.run(range(count), device.run)).toEqual(expected(count));
          expect([...device.seen.values()].every((times) => times === 1)).toBe(true);
          expect(device.seen.size).toBe(count);
        },
      ),
      { numRuns: 150, seed: 42 },
    );
  });

  test('halves on out-of-memory and gives the same items again', async () => {
    const device = new TinyDevice(5);
    const resized: [number, string][] = [];
    const batcher = new AdaptiveBatcher({
      initial: 32,
      inFlight: 1,
      growAfter: 100,
      onResize: (size, reason) => resized.push([size, reason]),
    });
    expect(await batcher.run(range(40), device.run)).toEqual(expected(40));
    expect(device.sizes.slice(0, 4)).toEqual([32, 16, 8, 4]);
    expect(resized).toEqual([
      [16, 'out-of-memory'],
      [8, 'out-of-memory'],
      [4, 'out-of-memory'],
    ]);
  });

  test('remembers the size over calls and grows back slowly, ever more slowly to a size that failed', async () => {
    let capacity = 8;
    const sizes: number[] = [];
    const run = async (items: readonly number[]): Promise<number[]> => {
      sizes.push(items.length);
      if (items.length > capacity) throw new OutOfDeviceMemoryError('full');
      return [...items];
    };
    const batcher = new AdaptiveBatcher({ initial: 16, inFlight: 1, growAfter: 2 });
    await batcher.run(range(32), run);
    expect(sizes).toEqual([16, 8, 8, 10, 8, 8]);
    await batcher.run(range(3000), run);
    const failedAt = sizes.flatMap((size, i) => (size > capacity ? [i] : []));
    const gaps = failedAt.slice(1).map((at, i) => at - (failedAt[i] as number));
    expect(failedAt.length).toBeGreaterThan(3);
    expect(gaps.at(-1) as number).toBeGreaterThan(gaps[0] as number);
    expect(failedAt.length / sizes.length).toBeLessThan(0.05);
    capacity = 16;
    await batcher.run(range(20_000), run);
    expect(batcher.size).toBe(16);
  });

  test('says so when not even one item fits', async () => {
    const device = new TinyDevice(0);
    const batcher = new AdaptiveBatcher({ initial: 8 });
    await expect(batcher.run(range(20), device.run)).rejects.toBeInstanceOf(OutOfDeviceMemoryError);
    expect(batcher.size).toBe(1);
    const atLeastFour = new AdaptiveBatcher({ initial: 8, min: 4, inFlight: 1 });
    await expect(atLeastFour.run(range(20), new TinyDevice(3).run)).rejects.toBeInstanceOf(
      OutOfDeviceMemoryError,
    );
  });

  test('retries the smallest batch alone before it gives up', async () => {
    const device = new TinyDevice(1);
    const batcher = new AdaptiveBatcher({ initial: 1, inFlight: 3 });
    expect(await batcher.run(range(9), device.run)).toEqual(expected(9));
    expect(device.failures).toBeGreaterThan(0);
  });

  test('passes any other error on, once nothing runs any more', async () => {
    let running = 0;
    const batcher = new AdaptiveBatcher({ initial: 2, inFlight: 3 });
    const failing = batcher.run(range(20), async (items) => {
      running += 1;
      await new Promise((done) => setImmediate(done));
      running -= 1;
      if (items.includes(3)) throw new TypeError('broken');
      return [...items];
    });
    await expect(failing).rejects.toThrow('broken');
    expect(running).toBe(0);
  });

  test('refuses a batch function that loses results', async () => {
    const batcher = new AdaptiveBatcher({ initial: 4 });
    await expect(batcher.run(range(8), async (items) => items.slice(1))).rejects.toBeInstanceOf(HazureError);
  });

  test.each([
    { initial: 0 },
    { initial: 1.5 },
    { initial: 4, min: 8 },
    { initial: 4, inFlight: 0 },
    { initial: NaN },
  ])('refuses %j', (options) => expect(() => new AdaptiveBatcher(options)).toThrow(InputError));
});
