import fc from 'fast-check';
import { chunked, mapConcurrent, readAhead } from './streams.js';

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}
const tick = (turns: number): Promise<void> =>
  turns === 0 ? Promise.resolve() : new Promise((done) => setImmediate(() => done(tick(turns - 1))));

test('mapConcurrent keeps order and never runs more than its bound', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(4)), fc.integer({ min: 1, max: 5 }), async (delays, bound) => {
      let running = 0;
      let most = 0;
      const results = await collect(
        mapConcurrent(delays.entries(), bound, async ([i, delay]) => {
          most = Math.max(most, ++running);
          await tick(delay);
          running--;
          return i;
        }),
      );
      expect(results).toEqual(delays.map((_, i) => i));
      expect(most).toBeLessThanOrEqual(bound);
    }),
    { numRuns: 50 },
  );
});

test('a consumer that stops holds the producer back', async () => {
  let produced = 0;
  function* numbers(): Generator<number> {
    for (;;) yield produced++;
  }
  const stream = readAhead(
    mapConcurrent(numbers(), 3, async (n) => n),
    2,
  );
  await stream.next();
  await tick(20);
  expect(produced).toBeLessThanOrEqual(3 + 2 + 2);
  await stream.return(undefined);
});

test('an error arrives in its turn, after what came before it, and closes the source', async () => {
  let closed = false;
  function* source(): Generator<number> {
    try {
      yield* [0, 1, 2, 3, 4];
    } finally {
      closed = true;
    }
  }
  const seen: number[] = [];
  const consume = async (): Promise<void> => {
    const stream = mapConcurrent(source(), 2, async (n) => {
      if (n === 2) throw new Error('two');
      return n;
    });
    for await (const n of readAhead(stream, 1)) seen.push(n);
  };
  await expect(consume()).rejects.toThrow('two');
  expect(seen).toEqual([0, 1]);
  expect(closed).toBe(true);
});

test('chunked closes a group by count or by weight and keeps every item', async () => {
  async function* source(): AsyncGenerator<number> {
    yield* [1, 1, 1, 10, 1, 1];
  }
  const groups = await collect(chunked(source(), { count: 3, weight: 10 }, (n) => n));
  expect(groups).toEqual([[1, 1, 1], [10], [1, 1]]);
  const whole = await collect(
    chunked(
      source(),
      { count: 4, weight: 100 },
      (n) => n,
      () => false,
    ),
  );
  expect(whole).toEqual([[1, 1, 1, 10]]);
});
