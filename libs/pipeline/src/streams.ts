/**
 * Ordered concurrent map over an async stream. At most `concurrency` calls run at once and at most that many
 * results wait, so a slow consumer holds the producer back. The first error stops the stream after the calls in
 * flight have settled; closing the stream early closes the source.
 */
export async function* mapConcurrent<In, Out>(
  source: AsyncIterable<In> | Iterable<In>,
  concurrency: number,
  transform: (item: In) => Promise<Out>,
): AsyncGenerator<Out> {
  const iterator =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const inFlight: Promise<Out>[] = [];
  let exhausted = false;
  try {
    for (;;) {
      while (!exhausted && inFlight.length < concurrency) {
        const next = await iterator.next();
        if (next.done) exhausted = true;
        else {
          const result = transform(next.value);
          result.catch(() => undefined); // reported when its turn comes
          inFlight.push(result);
        }
      }
      const first = inFlight.shift();
      if (first === undefined) return;
      yield await first;
    }
  } finally {
    await Promise.allSettled(inFlight);
    if (!exhausted) await iterator.return?.(undefined);
  }
}

/**
 * Lets the source run up to `ahead` items before the consumer asks for them: the joint between two stages that
 * should work at the same time.
 */
export function readAhead<T>(source: AsyncIterable<T>, ahead: number): AsyncGenerator<T> {
  return pump(source[Symbol.asyncIterator](), ahead);
}

async function* pump<T>(iterator: AsyncIterator<T>, ahead: number): AsyncGenerator<T> {
  // asking an async generator several times queues the requests, so they come back in order
  const asked: Promise<IteratorResult<T>>[] = [];
  const ask = (): void => {
    const result = iterator.next();
    result.catch(() => undefined);
    asked.push(result);
  };
  try {
    for (let i = 0; i < ahead; i++) ask();
    for (;;) {
      ask();
      const result = await (asked.shift() as Promise<IteratorResult<T>>);
      if (result.done) return;
      yield result.value;
    }
  } finally {
    await Promise.allSettled(asked);
    await iterator.return?.(undefined);
  }
}

/**
 * Groups items until the count or the weight is reached; the last group may be smaller. `keepRest` false leaves that
 * smaller group out: a stopped run must not end in a group that a whole run would not have. After an item that
 * `endsBlock` is true of, a new group begins whatever the limits say.
 */
export async function* chunked<T>(
  source: AsyncIterable<T>,
  limits: { readonly count: number; readonly weight: number },
  weigh: (item: T) => number,
  keepRest: () => boolean = () => true,
  endsBlock: (item: T) => boolean = () => false,
): AsyncGenerator<T[]> {
  let group: T[] = [];
  let weight = 0;
  for await (const item of source) {
    group.push(item);
    weight += weigh(item);
    if (group.length >= limits.count || weight >= limits.weight || endsBlock(item)) {
      yield group;
      group = [];
      weight = 0;
    }
  }
  if (group.length > 0 && keepRest()) yield group;
}
