import { statSync } from 'node:fs';
import { join } from 'node:path';
import { cacheRoot } from './cache-dir.js';

/** A file of the GPU runtime, pinned. */
export interface GpuRuntimeFile {
  /** Where it lies in its package. */
  readonly path: string;
  /** What it is called in the runtime's folder. */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** One npm package that parts of the runtime come from. */
export interface GpuRuntimeSource {
  readonly package: string;
  readonly version: string;
  /** Subresource integrity of the tarball. */
  readonly integrity: string;
  readonly tarballBytes: number;
  readonly files: readonly GpuRuntimeFile[];
}

/** An ONNX Runtime with its CUDA and TensorRT providers. */
export interface GpuRuntime {
  /** Names its folder in the cache; another runtime gets another. */
  readonly id: string;
  readonly onnxRuntimeVersion: string;
  readonly platform: string;
  /** What it needs on the machine. */
  readonly needs: string;
  readonly sources: readonly GpuRuntimeSource[];
}

const PLUGINS = 'Plugins/Linux/x64';

/**
 * ONNX Runtime 1.29.0 for CUDA 13 and TensorRT 10. A provider library works only with the libonnxruntime of its own
 * version, built to load it: the package with the providers holds none, its companion's was built for the CPU alone,
 * and onnxruntime-node 1.29.0's is of the same commit (2e2543fbe9) and knows both providers.
 */
export const GPU_RUNTIME: GpuRuntime = {
  id: 'onnxruntime-1.29.0-cuda13',
  onnxRuntimeVersion: '1.29.0',
  platform: 'linux-x64',
  needs: 'an NVIDIA driver for CUDA 13, cuBLAS 13, cuRAND 10 and cuDNN 9; for TensorRT also TensorRT 10',
  sources: [
    {
      package: 'com.github.asus4.onnxruntime.linux-x64-gpu',
      version: '0.4.9',
      integrity:
        'sha512-FopIhNE/Ng+v2X65wVc9clPCBCvhvA53Hxo2U0Kf5fGdVsC7iCA+mZ0KLWggcQAj7TIZ6pNidR4AC10g74Xo6w==',
      tarballBytes: 179_145_956,
      files: [
        {
          path: `${PLUGINS}/libonnxruntime_providers_cuda.so`,
          name: 'libonnxruntime_providers_cuda.so',
          bytes: 229_780_440,
          sha256: '56cf3254b118ad837ccc4ed8f6d1b23504bbf7ef91b34cbc0b289cb7f10b3037',
        },
        {
          path: `${PLUGINS}/libonnxruntime_providers_shared.so`,
          name: 'libonnxruntime_providers_shared.so',
          bytes: 14_632,
          sha256: 'c6a12593396095f5670160e284c35d1700b7708cf3037b7042e2a5200ccae772',
        },
        {
          path: `${PLUGINS}/libonnxruntime_providers_tensorrt.so`,
          name: 'libonnxruntime_providers_tensorrt.so',
          bytes: 859_144,
          sha256: 'ef6071798a339038ad66c428fb1a809cf8e499bffc3b6870e4e8bc4f4c6a6320',
        },
        {
          path: 'LICENSE',
          name: 'LICENSE',
          bytes: 1141,
          sha256: 'c2cfccb812fe482101a8f04597dfc5a9991a6b2748266c47ac91b6a5aae15383',
        },
      ],
    },
    {
      package: 'onnxruntime-node',
      version: '1.29.0',
      integrity:
        'sha512-WjiVVB72riILz8HbYvxvmjKyE/WmkYoSfKY++axo5jAR609HQg8MwiG/HhShpTcJfmmAdzxxmB+MMST3A+SiPA==',
      tarballBytes: 111_735_068,
      files: [
        {
          path: 'bin/napi-v6/linux/x64/libonnxruntime.so.1',
          name: 'libonnxruntime.so.1',
          bytes: 44_726_808,
          sha256: '89688f5cf51c7e31befbb7b9101bc027799009b18d1baa9a5b1146a72e69538d',
        },
      ],
    },
  ],
};

/** Where the GPU runtime lies once it was fetched. */
export function gpuRuntimeDir(
  env: Readonly<Record<string, string | undefined>> = process.env,
  runtime: GpuRuntime = GPU_RUNTIME,
): string {
  return join(cacheRoot(env), 'gpu-runtime', runtime.id);
}

/** All files of a runtime, whatever package they come from. */
export function gpuRuntimeFiles(runtime: GpuRuntime = GPU_RUNTIME): GpuRuntimeFile[] {
  return runtime.sources.flatMap(({ files }) => files);
}

/**
 * The libonnxruntime of a fetched GPU runtime, or null where it was not fetched for this platform. Looks at names and
 * sizes only: the checksums were compared when it was fetched, and `hazure doctor` compares them again.
 */
export function gpuRuntimeLibrary(
  env: Readonly<Record<string, string | undefined>> = process.env,
  runtime: GpuRuntime = GPU_RUNTIME,
): string | null {
  if (runtime.platform !== `${process.platform}-${process.arch}`) return null;
  const dir = gpuRuntimeDir(env, runtime);
  for (const { name, bytes } of gpuRuntimeFiles(runtime)) {
    if (statSync(join(dir, name), { throwIfNoEntry: false })?.size !== bytes) return null;
  }
  return join(dir, 'libonnxruntime.so.1');
}
