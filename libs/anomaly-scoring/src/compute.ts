import type { MatrixAccelerator } from '@hazure/contracts';
import { plainAccelerator } from '@hazure/numerics';

/** Who does the matrix work. */
export interface ComputeOptions {
  /** Worker threads; 1 computes in this thread. Default: all usable cores. */
  readonly threads?: number;
  /** A faster engine, given in by the application. Default: WebAssembly in `threads` workers. */
  readonly accelerator?: MatrixAccelerator;
}

export function acceleratorOf({ accelerator, threads }: ComputeOptions): MatrixAccelerator {
  return accelerator ?? plainAccelerator(threads);
}

/** Only these options, without keys that are absent. */
export function computeOf({ accelerator, threads }: ComputeOptions): ComputeOptions {
  return {
    ...(threads === undefined ? {} : { threads }),
    ...(accelerator === undefined ? {} : { accelerator }),
  };
}
