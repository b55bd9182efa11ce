import type { DeviceMemory, MemoryProbe } from '@hazure/contracts';
import { DeviceError, InputError, OutOfDeviceMemoryError } from '@hazure/contracts';

export interface BudgetOptions {
  /** `host`, `cuda:0` …, as the probe names it. */
  readonly device: string;
  /** Left alone for the driver, the runtime and other programs; default 512 MiB on a GPU, 256 MiB on the host. */
  readonly paddingBytes?: number;
}

const MIB = 2 ** 20;

/**
 * Bytes that somebody may use. Dispose of it (`using`, or `[Symbol.dispose]()`) when the memory is free again, or
 * when all of it is in use and the probe sees it.
 */
export class Reservation implements Disposable {
  private settledBytes = 0;

  /** @internal made by MemoryBudget.reserve */
  constructor(
    readonly purpose: string,
    readonly bytes: number,
    private readonly release: (reservation: Reservation) => void,
  ) {}

  /** What is still to be allocated: reserved, but not seen by the probe yet. */
  get outstandingBytes(): number {
    return this.bytes - this.settledBytes;
  }

  /** Tells that this much is allocated by now, so that it is not counted twice. Never more than was reserved. */
  settle(allocatedBytes: number): void {
    requireBytes('allocatedBytes', allocatedBytes);
    this.settledBytes = Math.min(this.bytes, Math.max(this.settledBytes, allocatedBytes));
  }

  [Symbol.dispose](): void {
    this.release(this);
  }
}

/**
 * One device's memory, shared by several users: detector, embedder and captioner on one GPU.
 * Free = probed − padding − reserved (the idea of node-llama-cpp's memory orchestrator).
 */
export class MemoryBudget {
  readonly device: string;
  readonly paddingBytes: number;
  private readonly held = new Set<Reservation>();
  private turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly memory: MemoryProbe,
    options: BudgetOptions,
  ) {
    this.device = options.device;
    this.paddingBytes = options.paddingBytes ?? (options.device === 'host' ? 256 : 512) * MIB;
    requireBytes('paddingBytes', this.paddingBytes);
  }

  /** Bytes reserved and not allocated yet. */
  get reservedBytes(): number {
    let sum = 0;
    for (const reservation of this.held) sum += reservation.outstandingBytes;
    return sum;
  }

  /** Bytes that can still be reserved; 0 when nothing is left. */
  async freeBytes(): Promise<number> {
    const { freeBytes } = await this.probed();
    return Math.max(0, freeBytes - this.paddingBytes - this.reservedBytes);
  }

  /**
   * Sets bytes aside. Calls are served one after the other, so that two never get the same bytes.
   *
   * @param purpose who wants them, for messages
   * @throws OutOfDeviceMemoryError when less is free, saying what holds the rest
   */
  async reserve(bytes: number, purpose: string): Promise<Reservation> {
    requireBytes('bytes', bytes);
    const reserved = this.turn.then(async () => {
      const free = await this.freeBytes();
      if (bytes > free) throw this.tooLittle(bytes, free, purpose);
      const reservation = new Reservation(purpose, bytes, (ended) => this.held.delete(ended));
      this.held.add(reservation);
      return reservation;
    });
    this.turn = reserved.catch(() => undefined);
    return reserved;
  }

  private tooLittle(bytes: number, free: number, purpose: string): OutOfDeviceMemoryError {
    const holders = [...this.held].map((held) => `${held.purpose} ${mib(held.outstandingBytes)}`).join(', ');
    return new OutOfDeviceMemoryError(
      `${purpose} needs ${mib(bytes)} on ${this.device}, ${mib(free)} are free` +
        ` (padding ${mib(this.paddingBytes)}${holders === '' ? '' : `, reserved by ${holders}`})`,
      { hint: 'Use a smaller batch size or model, or close other programs that use this device.' },
    );
  }

  private async probed(): Promise<DeviceMemory> {
    const devices = await this.memory.probe();
    const found = devices.find((candidate) => candidate.device === this.device);
    if (found === undefined) {
      const names = devices.map((candidate) => candidate.device).join(', ');
      throw new DeviceError('DEVICE_UNAVAILABLE', `There is no device ${this.device}; found ${names}`, {
        hint: 'Run `hazure doctor` to see which devices can be used.',
      });
    }
    return found;
  }
}

function requireBytes(name: string, bytes: number): void {
  if (Number.isFinite(bytes) && bytes >= 0) return;
  throw new InputError('INPUT_INVALID', `${name}: expected a number of bytes ≥ 0, got ${bytes}`);
}

const mib = (bytes: number): string => `${(bytes / MIB).toFixed(bytes < 10 * MIB ? 1 : 0)} MiB`;
