import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { DeviceError } from '@hazure/contracts';
import { gpuRuntimeLibrary } from './gpu-runtime.js';

const require = createRequire(import.meta.url);

/** The ONNX Runtime library of this process, and why this one. */
export interface RuntimeLibrary {
  readonly path: string;
  readonly origin: 'HAZURE_ONNXRUNTIME' | 'gpu-runtime' | 'onnxruntime-node';
  /**
   * onnxruntime-node's own, which must be mapped before another one of the same name; null where it is not installed.
   */
  readonly nodeLibraryPath: string | null;
}

/** The library that onnxruntime-node ships for this platform, or null. */
function nodeLibrary(): string | null {
  let bin: string;
  try {
    bin = join(dirname(require.resolve('onnxruntime-node/package.json')), 'bin');
  } catch {
    return null;
  }
  for (const folder of existsSync(bin) ? readdirSync(bin) : []) {
    const platform = join(bin, folder, process.platform, process.arch);
    if (!existsSync(platform)) continue;
    const library = readdirSync(platform).find((name) => /^libonnxruntime\.(so|[\d.]*dylib)/.test(name));
    if (library !== undefined) return join(platform, library);
  }
  return null;
}

/**
 * Chooses the ONNX Runtime: HAZURE_ONNXRUNTIME, the GPU runtime where `hazure doctor --fetch-gpu` brought it, the one
 * of onnxruntime-node.
 *
 * @throws DeviceError ADDON_UNAVAILABLE when there is none
 */
export function runtimeLibrary(): RuntimeLibrary {
  const nodeLibraryPath = nodeLibrary();
  const chosen = process.env['HAZURE_ONNXRUNTIME'];
  if (chosen) return { path: chosen, origin: 'HAZURE_ONNXRUNTIME', nodeLibraryPath };
  const gpu = gpuRuntimeLibrary();
  if (gpu !== null) return { path: gpu, origin: 'gpu-runtime', nodeLibraryPath };
  if (nodeLibraryPath !== null) return { path: nodeLibraryPath, origin: 'onnxruntime-node', nodeLibraryPath };
  throw new DeviceError(
    'ADDON_UNAVAILABLE',
    `onnxruntime-node ships no library for ${process.platform}-${process.arch}`,
    { hint: 'Point HAZURE_ONNXRUNTIME at a libonnxruntime for this platform.' },
  );
}
