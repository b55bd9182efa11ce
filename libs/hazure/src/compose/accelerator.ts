import { DeviceError, type MatrixAccelerator } from '@hazure/contracts';
import { nativeAccelerator } from '@hazure/native-engine';

/** The native engine's matrix work; undefined, which means WebAssembly, where the addon is not built. */
export function composeAccelerator(): MatrixAccelerator | undefined {
  try {
    return nativeAccelerator();
  } catch (error) {
    if (error instanceof DeviceError && error.code === 'ADDON_UNAVAILABLE') return undefined;
    throw error;
  }
}
