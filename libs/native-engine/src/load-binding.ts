import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { DeviceError, messageOf } from '@hazure/contracts';
import { guarded } from './native-errors.js';
import type { RawBinding } from './raw-binding.js';
import { runtimeLibrary } from './runtime-library.js';

const require = createRequire(import.meta.url);

/** The compiled addon: HAZURE_ADDON, or what the build of @hazure/native left. */
export function addonPath(): string {
  const chosen = process.env['HAZURE_ADDON'];
  if (chosen) return chosen;
  return join(dirname(require.resolve('@hazure/native/package.json')), 'build', 'Release', 'hazure.node');
}

/** Loads the addon and the ONNX Runtime under it, with its telemetry off. */
export function loadBinding(): RawBinding {
  // Native code sets it too; here for anything in this process that loads ONNX Runtime before the addon does.
  process.env['ORT_DISABLE_TELEMETRY'] = '1';
  const path = addonPath();
  if (!existsSync(path)) {
    throw new DeviceError('ADDON_UNAVAILABLE', `The native engine is not built: ${path} does not exist`, {
      hint: 'Run `npm run setup` in the repository.',
    });
  }
  let binding: RawBinding;
  try {
    binding = require(path) as RawBinding;
  } catch (error) {
    throw new DeviceError('ADDON_UNAVAILABLE', `The native engine could not be loaded: ${messageOf(error)}`, {
      cause: error,
      hint: 'Run `npm run setup` in the repository to build it for this machine.',
    });
  }
  const { path: library, nodeLibraryPath } = runtimeLibrary();
  guarded(() => binding.openRuntime(library, nodeLibraryPath));
  return binding;
}
