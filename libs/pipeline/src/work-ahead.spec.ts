import fc from 'fast-check';
import { workAhead, type AheadLimits } from './work-ahead.js';

const LIMITS: AheadLimits = { leastItems: 1, wantedWork: 8, mostBytes: 100, mostWork: 1000 };
const tick = (turns: number): Promise<void> =>
  turns === 0 ? Promise.resolve() : new Promise((done) => setImmediate(() => done(tick(turns - 1))));

async function* from<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}
async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}
interface Item {
  readonly work: number;
  readonly bytes: number;
  readonly turns: number;
}

test('keeps order, and never takes on more than its limits allow', async () => {
  const items = fc.array(
    fc.record({ work: fc.nat(6), bytes: fc.integer({ min: 1, max: 60 }), turns: fc.nat(6) }),
  );
  await fc.assert(
    fc.asyncProperty(items, fc.integer({ min: 1, max: 3 }), async (list, leastItems) => {
      const running = new Set<Item>();
      const sum = (key: 'work' | 'bytes'): number =>
        [...running].reduce((total, item) => total + item[key], 0);
      const results = await collect(
        workAhead(
          from(list.entries()),
          { ...LIMITS, leastItems },
          ([, item]) => item,
          async ([i, item]) => {
            // before it came there was room
            expect(running.size < leastItems || (sum('work') < 8 && sum('bytes') < 100)).toBe(true);
            running.add(item);
            await tick(item.turns);
            running.delete(item);
            return i;
          },
        ),
      );
      expect(results).toEqual(list.map((_, i) => i));
      expect(running.size).toBe(0);
    }),
    { numRuns: 200 },
  );
});

test('small items fill up to the wanted work, and one slow item does not hold the others', async () => {
  let release: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => (release = resolve));
  const started: number[] = [];
  const stream = workAhead(
    from(Array.from({ length: 50 }, (_, i) => i)),
    { ...LIMITS, mostWork: 30 },
    () => ({ work: 1, bytes: 0 }),
    async (i) => {
      started.push(i);
      await (i === 0 ? slow : tick(1));
      return i;
    },
  );
  const first = stream.next();
  await tick(200);
  expect(started).toHaveLength(30); // the first is still under way, the others went on to the bound
  release();
  expect((await first).value).toBe(0);
  expect(await collect(stream)).toEqual(Array.from({ length: 49 }, (_, i) => i + 1));
});

test('an item that is heavier than every limit goes alone', async () => {
  let running = 0;
  const results = await collect(
    workAhead(
      from([1, 2, 3]),
      LIMITS,
      () => ({ work: 10_000, bytes: 10_000 }),
      async (i) => {
        expect(running++).toBe(0);
        await tick(2);
        running--;
        return i;
      },
    ),
  );
  expect(results).toEqual([1, 2, 3]);
});

test('an error arrives in its turn, after what came before it, and closes the source', async () => {
  for (const where of ['call', 'source'] as const) {
    let closed = false;
    const source = async function* (): AsyncGenerator<number> {
      try {
        yield* [0, 1];
        if (where === 'source') throw new Error('two');
        for (let i = 2; ; i++) yield i;
      } finally {
        closed = true;
      }
    };
    const seen: number[] = [];
    const consume = async (): Promise<void> => {
      const stream = workAhead(
        source(),
        LIMITS,
        () => ({ work: 1, bytes: 0 }),
        async (i) => {
          await tick(i === 0 ? 5 : 1);
          if (i === 2) throw new Error('two');
          return i;
        },
      );
      for await (const i of stream) seen.push(i);
    };
    await expect(consume()).rejects.toThrow('two');
    expect(seen).toEqual([0, 1]);
    expect(closed).toBe(true);
  }
});

test('a consumer that leaves early closes the source', async () => {
  let closed = false;
  const source = async function* (): AsyncGenerator<number> {
    try {
      for (let i = 0; ; i++) yield i;
    } finally {
      closed = true;
    }
  };
  for await (const i of workAhead(
    source(),
    LIMITS,
    () => ({ work: 1, bytes: 0 }),
    async (n) => n,
  )) {
    if (i === 3) break;
  }
  expect(closed).toBe(true);
});
