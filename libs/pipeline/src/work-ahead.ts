/** How far {@link workAhead} may go. */
export interface AheadLimits {
  /** Calls that may run whatever their items weigh; at least 1. */
  readonly leastItems: number;
  /** Work that should be under way: while there is less, another item is taken on. */
  readonly wantedWork: number;
  /** Weight of all items under way at which no other is taken on. */
  readonly mostBytes: number;
  /** Work of all results that the consumer has not had at which no other item is taken on. */
  readonly mostWork: number;
}

export interface ItemWeight {
  readonly work: number;
  readonly bytes: number;
}

/** Lets several waiters sleep until something has changed. */
class Changes {
  private waiters: (() => void)[] = [];

  notify(): void {
    for (const resume of this.waiters.splice(0)) resume();
  }

  next(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve));
  }
}

/**
 * Ordered map over an async stream for work that is done elsewhere, such as questions to a server. Items are taken on
 * by what they amount to, not by their number, also while the consumer waits for an early result: one slow item does
 * not leave the others idle. An item counts towards `wantedWork` and `mostBytes` until its call has settled, and
 * towards `mostWork` until its result is fetched. The first error stops the stream after the calls in flight have
 * settled; closing the stream early closes the source.
 */
export async function* workAhead<In, Out>(
  source: AsyncIterable<In>,
  limits: AheadLimits,
  weigh: (item: In) => ItemWeight,
  transform: (item: In) => Promise<Out>,
): AsyncGenerator<Out> {
  const iterator = source[Symbol.asyncIterator]();
  const results: { readonly result: Promise<Out>; readonly work: number }[] = [];
  const running = { items: 0, work: 0, bytes: 0 };
  const changes = new Changes();
  let heldWork = 0;
  let finished = false;
  let stopped = false;

  const hasRoom = (): boolean =>
    running.items < limits.leastItems
      ? heldWork < limits.mostWork || running.items === 0
      : running.work < limits.wantedWork && running.bytes < limits.mostBytes && heldWork < limits.mostWork;

  const takeOn = (item: In): void => {
    const { work, bytes } = weigh(item);
    running.items += 1;
    running.work += work;
    running.bytes += bytes;
    heldWork += work;
    const result = transform(item);
    results.push({ result, work });
    const settled = (failed: boolean): void => {
      running.items -= 1;
      running.work -= work;
      running.bytes -= bytes;
      stopped ||= failed; // the error itself is reported when its turn comes
      changes.notify();
    };
    result.then(
      () => settled(false),
      () => settled(true),
    );
  };

  const fill = async (): Promise<void> => {
    try {
      while (!stopped) {
        if (!hasRoom()) {
          await changes.next();
          continue;
        }
        const next = await iterator.next();
        if (next.done) return;
        takeOn(next.value);
        changes.notify();
      }
      await iterator.return?.(undefined);
    } catch (error) {
      const result = Promise.reject(error as Error);
      result.catch(() => undefined);
      results.push({ result, work: 0 });
    } finally {
      finished = true;
      changes.notify();
    }
  };

  const filling = fill();
  try {
    for (;;) {
      const first = results.shift();
      if (first) {
        const value = await first.result;
        heldWork -= first.work;
        changes.notify();
        yield value;
      } else if (finished) return;
      else await changes.next();
    }
  } finally {
    stopped = true;
    changes.notify();
    await filling;
    await Promise.allSettled(results.map(({ result }) => result));
  }
}
