import { HazureError, InputError, OutOfDeviceMemoryError } from '@hazure/contracts';

export interface AdaptiveBatcherOptions {
  /** Items of the first batch. */
  readonly initial: number;
  /** Below this an out-of-memory is final; default 1. */
  readonly min?: number;
  /** Never more than this; default `initial`. */
  readonly max?: number;
  /** Batches in a row that must succeed at the current size before it grows; default 8. */
  readonly growAfter?: number;
  /** Batches handed out at once, so that the engine prepares the next while it infers the current; default 2. */
  readonly inFlight?: number;
  /** Told of every change, with its reason. */
  readonly onResize?: (size: number, reason: 'out-of-memory' | 'recovered') => void;
}

interface Range {
  readonly from: number;
  readonly to: number;
  /** It failed before; it runs with nothing else in flight. */
  readonly retried: boolean;
}

/** A failed growth is tried again after at most this many times `growAfter` successes. */
const MAX_PATIENCE = 64;

/**
 * Feeds items to a batch function in batches that fit. On OutOfDeviceMemoryError the same items are given again at
 * half the size; after enough successes the size grows back by a quarter. A grown size that fails goes back to the one
 * before, and the next attempt waits twice as long. What was learned stays for later calls.
 */
export class AdaptiveBatcher {
  private readonly min: number;
  private readonly max: number;
  private readonly growAfter: number;
  private readonly inFlight: number;
  private readonly onResize: AdaptiveBatcherOptions['onResize'];
  private currentSize: number;
  private successes = 0;
  /** `growAfter` counts this many times; doubled by each growth that failed. */
  private patience = 1;
  /** Largest full batch that fitted since memory last ran out; 0 while none did. */
  private fittingSize = 0;
  /** Smallest size that ran out of memory and did not fit since. */
  private failedSize = Infinity;

  constructor(options: AdaptiveBatcherOptions) {
    this.min = options.min ?? 1;
    this.max = options.max ?? options.initial;
    this.growAfter = options.growAfter ?? 8;
    this.inFlight = options.inFlight ?? 2;
    this.onResize = options.onResize;
    for (const [name, value] of Object.entries({
      initial: options.initial,
      min: this.min,
      max: this.max,
      growAfter: this.growAfter,
      inFlight: this.inFlight,
    })) {
      if (!Number.isInteger(value) || value < 1) {
        throw new InputError('INPUT_INVALID', `${name}: expected a whole number ≥ 1, got ${value}`);
      }
    }
    if (this.min > this.max) {
      throw new InputError('INPUT_INVALID', `min: expected at most max (${this.max}), got ${this.min}`);
    }
    this.currentSize = Math.min(this.max, Math.max(this.min, options.initial));
  }

  /** Items of the next batch. */
  get size(): number {
    return this.currentSize;
  }

  /**
   * @param batch gives one result per item, in order; may be called again for the same items after it ran out of
   *   memory, so it must not keep anything of a failed call
   * @returns one result per item, in order
   * @throws OutOfDeviceMemoryError when even `min` items do not fit; the first other error that `batch` throws, after
   *   all batches in flight have ended
   */
  async run<In, Out>(
    items: readonly In[],
    batch: (items: readonly In[]) => Promise<readonly Out[]>,
  ): Promise<Out[]> {
    const results = new Array<Out>(items.length);
    const retries: Range[] = [];
    let next = 0;
    let failure: { error: unknown } | undefined;
    const running = new Set<Promise<void>>();

    const take = (): Range | undefined => {
      const retry = retries.shift();
      const from = retry?.from ?? next;
      const end = retry?.to ?? items.length;
      if (from >= end) return undefined;
      const to = Math.min(end, from + this.currentSize);
      // What is left of a retry joins the items not begun yet where it borders on them.
      if (retry === undefined || end === next) next = to;
      else if (to < end) retries.unshift({ from: to, to: end, retried: true });
      return { from, to, retried: retry !== undefined };
    };

    const start = (range: Range): void => {
      const size = range.to - range.from;
      const task = Promise.resolve()
        .then(() => batch(items.slice(range.from, range.to)))
        .then((outputs) => {
          if (outputs.length !== size) {
            throw new HazureError('INTERNAL', `A batch of ${size} items gave ${outputs.length} results`);
          }
          outputs.forEach((output, i) => (results[range.from + i] = output));
          this.succeeded(size);
        })
        .catch((error: unknown) => {
          // Even the smallest batch may have failed only for what else was in flight.
          if (error instanceof OutOfDeviceMemoryError && (size > this.min || !range.retried)) {
            retries.push({ ...range, retried: true });
            retries.sort((a, b) => a.from - b.from);
            this.ranOutOfMemory(size);
          } else {
            failure ??= { error };
          }
        })
        .finally(() => running.delete(task));
      running.add(task);
    };

    for (;;) {
      // After an out-of-memory the others in flight end first: they hold the memory that the retry needs.
      const slots = retries.length > 0 ? 1 : this.inFlight;
      while (failure === undefined && running.size < slots) {
        const range = take();
        if (range === undefined) break;
        start(range);
      }
      if (running.size === 0) break;
      await Promise.race(running);
    }
    if (failure !== undefined) throw failure.error;
    return results;
  }

  private succeeded(size: number): void {
    // Only full batches say anything about the current size.
    if (size < this.currentSize) return;
    this.fittingSize = Math.max(this.fittingSize, size);
    if (size >= this.failedSize) {
      this.failedSize = Infinity;
      this.patience = 1;
    }
    this.successes += 1;
    if (this.currentSize >= this.max || this.successes < this.growAfter * this.patience) return;
    this.successes = 0;
    this.resize(Math.min(this.max, this.currentSize + Math.max(1, this.currentSize >> 2)), 'recovered');
  }

  private ranOutOfMemory(size: number): void {
    this.successes = 0;
    this.failedSize = Math.min(this.failedSize, size);
    const grownTooFar = this.fittingSize > 0 && this.fittingSize < size;
    if (grownTooFar) this.patience = Math.min(MAX_PATIENCE, this.patience * 2);
    const smaller = Math.max(this.min, grownTooFar ? this.fittingSize : size >> 1);
    // What fitted before may not fit any more: the next failure at that size halves.
    this.fittingSize = 0;
    if (smaller < this.currentSize) this.resize(smaller, 'out-of-memory');
  }

  private resize(size: number, reason: 'out-of-memory' | 'recovered'): void {
    this.currentSize = size;
    this.onResize?.(size, reason);
  }
}
