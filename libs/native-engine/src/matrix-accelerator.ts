import type { MatrixAccelerator } from '@hazure/contracts';
import { loadBinding } from './load-binding.js';
import { guardedAsync } from './native-errors.js';
import type { RawBinding } from './raw-binding.js';

let accelerator: MatrixAccelerator | undefined;

/**
 * Matrix work by the native engine (AVX2 or AVX-512 where the processor has them) on its own threads, one per usable
 * core. The twin of numerics' `plainAccelerator`, equal within the port's tolerances.
 *
 * @throws DeviceError ADDON_UNAVAILABLE when the addon is not built or ONNX Runtime does not load
 */
export function nativeAccelerator(): MatrixAccelerator {
  accelerator ??= acceleratorOver(loadBinding());
  return accelerator;
}

/** The accelerator's face over a binding. */
function acceleratorOver(binding: RawBinding): MatrixAccelerator {
  return {
    name: 'native',
    nearest: (request) => guardedAsync(() => binding.nearestRows(request)),
    transform: (request) => guardedAsync(() => binding.transformRows(request)),
    moments: (rows, origin) => guardedAsync(() => binding.momentSums({ rows, origin })),
  };
}
