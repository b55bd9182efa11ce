import type { Kernels } from './kernels.js';

/** Slots of the control block that all threads of a crew share. */
export const CONTROL = { arrived: 0, generation: 1, claim: 2, abort: 3, stop: 4, length: 16 } as const;

/** Polls before a waiting thread sleeps: about 20 µs, longer than a balanced phase's tail. */
const SPINS = 4000;

/**
 * One thread's view of the crew while all of them run the same program. Every thread makes the same calls in
 * the same order. Work is claimed piece by piece, and a piece's result must not depend on who did it: then
 * no result depends on the number of threads.
 */
export class Team {
  constructor(
    readonly id: number,
    readonly threads: number,
    readonly kernels: Kernels,
    readonly memory: WebAssembly.Memory,
    private readonly control: Int32Array,
    readonly report: (progress: unknown) => void,
  ) {}

  /** Waits until every thread is here. */
  barrier(): void {
    const { control } = this;
    const generation = Atomics.load(control, CONTROL.generation);
    if (Atomics.add(control, CONTROL.arrived, 1) + 1 === this.threads) {
      Atomics.store(control, CONTROL.arrived, 0);
      Atomics.store(control, CONTROL.claim, 0);
      Atomics.add(control, CONTROL.generation, 1);
      Atomics.notify(control, CONTROL.generation);
      return;
    }
    for (let spin = 0; spin < SPINS; spin++) {
      if (Atomics.load(control, CONTROL.generation) !== generation) return;
    }
    while (Atomics.load(control, CONTROL.generation) === generation) {
      Atomics.wait(control, CONTROL.generation, generation);
    }
  }

  /** Shares pieces 0 … count − 1 among the threads, then waits for all. */
  each(count: number, work: (piece: number) => void): void {
    for (;;) {
      const piece = Atomics.add(this.control, CONTROL.claim, 1);
      if (piece >= count) break;
      work(piece);
    }
    this.barrier();
  }

  /** Lets one thread alone do something that the others must see. */
  lead(work: () => void): void {
    if (this.id === 0) work();
    this.barrier();
  }

  /** Whether the caller has asked to stop: what is left of a phase whose outcome nobody will read may be skipped. */
  get aborting(): boolean {
    return Atomics.load(this.control, CONTROL.abort) !== 0;
  }

  /** Takes note of an abort; every thread calls it before a barrier and `stopped` after it. */
  noteAbort(): void {
    if (this.id === 0) Atomics.store(this.control, CONTROL.stop, Atomics.load(this.control, CONTROL.abort));
  }

  /** Whether the caller had asked to stop; every thread gets the same answer. */
  stopped(): boolean {
    return Atomics.load(this.control, CONTROL.stop) !== 0;
  }
}
