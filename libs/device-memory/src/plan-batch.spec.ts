import { DeviceError, OutOfDeviceMemoryError } from '@hazure/contracts';
import { MemoryBudget } from './budget.js';
import { planBatchSize } from './plan-batch.js';

const MIB = 2 ** 20;

/** A card whose runtimes keep what they once took, as ONNX Runtime's arenas do. */
class Card {
  usedBytes = 0;
  readonly budget: MemoryBudget;

  constructor(private readonly totalBytes: number) {
    this.budget = new MemoryBudget(
      {
        probe: () =>
          Promise.resolve([{ device: 'cuda:0', totalBytes, freeBytes: totalBytes - this.usedBytes }]),
      },
      { device: 'cuda:0', paddingBytes: 0 },
    );
  }

  /** A model with an arena that grows to its largest batch. */
  model(
    fixedBytes: number,
    bytesFor: (items: number) => number,
  ): { tried: number[]; run: (n: number) => Promise<void> } {
    let held = fixedBytes;
    this.usedBytes += fixedBytes;
    const tried: number[] = [];
    return {
      tried,
      run: async (items) => {
        tried.push(items);
        const needs = fixedBytes + bytesFor(items);
        if (needs <= held) return;
        if (this.usedBytes + needs - held > this.totalBytes) throw new OutOfDeviceMemoryError('card is full');
        this.usedBytes += needs - held;
        held = needs;
      },
    };
  }

  plan(model: { run: (n: number) => Promise<void> }, max: number, share: number) {
    return planBatchSize({
      budget: this.budget,
      usedBytes: () => this.usedBytes,
      tryItems: model.run,
      purpose: 'model',
      max,
      share,
    });
  }
}

describe('planBatchSize', () => {
  test('two models share a card: the first takes its share, the second what is left', async () => {
    const card = new Card(1105 * MIB);
    const detector = card.model(60 * MIB, (n) => n * 10 * MIB);
    const embedder = card.model(40 * MIB, (n) => n * 4 * MIB);
    const first = await card.plan(detector, 512, 0.5);
    // 965 MiB are free after four items, half of it is 48 items more.
    expect(first.batchSize).toBe(52);
    expect(first.memory?.fixedBytes).toBeCloseTo(100 * MIB, 0);
    expect(first.memory?.bytesPerItem).toBeCloseTo(10 * MIB, 0);
    const second = await card.plan(embedder, 512, 0.9);
    expect(second.batchSize).toBe(4 + Math.floor((0.9 * (1105 - 100 - 520 - 16)) / 4));
    expect(card.usedBytes).toBeLessThanOrEqual(1105 * MIB);
    // Both run at their size from now on, whoever comes first.
    await embedder.run(second.batchSize);
    await detector.run(first.batchSize);
    expect(card.budget.reservedBytes).toBe(0);
  });

  test('never more than is worth having', async () => {
    const card = new Card(80_000 * MIB);
    expect(
      (
        await card.plan(
          card.model(0, (n) => n * MIB),
          128,
          0.9,
        )
      ).batchSize,
    ).toBe(128);
  });

  test('halves where items cost more together than was learned', async () => {
    const card = new Card(1000 * MIB);
    const model = card.model(0, (n) => (n <= 4 ? n * MIB : n * 20 * MIB));
    const { batchSize } = await card.plan(model, 256, 0.9);
    expect(batchSize).toBe(32);
    expect(model.tried).toEqual([1, 2, 4, 256, 128, 64, 32]);
  });

  test('keeps to what was seen to run where the next measured size does not', async () => {
    const card = new Card(35 * MIB);
    expect(
      (
        await card.plan(
          card.model(0, (n) => n * 10 * MIB),
          64,
          0.9,
        )
      ).batchSize,
    ).toBe(2);
    const tiny = new Card(15 * MIB);
    expect(
      await tiny.plan(
        tiny.model(0, (n) => n * 10 * MIB),
        64,
        0.9,
      ),
    ).toEqual({
      batchSize: 1,
      memory: null,
    });
  });

  test('not even one item fits: the error says so; other errors pass', async () => {
    const card = new Card(5 * MIB);
    await expect(
      card.plan(
        card.model(0, (n) => n * 10 * MIB),
        64,
        0.9,
      ),
    ).rejects.toThrow(OutOfDeviceMemoryError);
    const broken = { run: () => Promise.reject(new DeviceError('DEVICE_FAILED', 'fell off the bus')) };
    await expect(card.plan(broken, 64, 0.9)).rejects.toThrow('fell off the bus');
  });

  test('a fixed small maximum is neither exceeded nor measured beyond', async () => {
    const card = new Card(1000 * MIB);
    const model = card.model(0, (n) => n * MIB);
    expect((await card.plan(model, 2, 0.9)).batchSize).toBe(2);
    expect(model.tried).toEqual([1, 2]);
  });
});
