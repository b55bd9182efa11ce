import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DeviceError, InterruptedError } from '@hazure/contracts';
import {
  GPU_RUNTIME,
  gpuRuntimeDir,
  gpuRuntimeFiles,
  gpuRuntimeLibrary,
  type GpuRuntime,
} from '@hazure/native-engine';
import { storeContext, type StoreOptions } from './store/context.js';
import { diskError, sha256File, withBundleLock } from './store/files.js';
import { fetchNpmFiles, userNpmOptions } from './store/npm-source.js';

/** What a person types to fetch the runtime. */
const COMMAND = 'hazure doctor --fetch-gpu';

export interface GpuRuntimeOptions extends StoreOptions {
  readonly runtime?: GpuRuntime;
}

/** State of the GPU runtime in the cache, its files compared with their checksums. */
export interface GpuRuntimeStatus {
  readonly id: string;
  readonly dir: string;
  readonly onnxRuntimeVersion: string;
  readonly needs: string;
  /** Of the files, unpacked. */
  readonly bytes: number;
  readonly downloadBytes: number;
  readonly state: 'fetched' | 'damaged' | 'not fetched' | 'not for this platform';
  /** Files whose checksum is not the pinned one. */
  readonly damaged: readonly string[];
}

/**
 * Fetches the GPU runtime once: the tarballs, integrity-checked, through the user's npm registry and proxy; of them
 * only the files needed, each compared with its sha256. They appear in the cache together, by renaming one folder, so
 * that neither an interruption nor a second process can leave half of them. A runtime that is whole is kept.
 *
 * The tarballs are not left in npm's own cache, which would double the disk that this takes.
 *
 * @throws DeviceError DEVICE_UNAVAILABLE for a platform that has no such runtime, ADDON_UNAVAILABLE when offline;
 *   ModelError NETWORK_UNAVAILABLE or MODEL_CHECKSUM; InputError OUTPUT_UNWRITABLE; InterruptedError
 */
export async function fetchGpuRuntime(options: GpuRuntimeOptions = {}): Promise<GpuRuntimeStatus> {
  const { runtime = GPU_RUNTIME, env = process.env, signal, onProgress } = options;
  const context = storeContext(options);
  const before = await gpuRuntimeStatus(options);
  if (before.state === 'not for this platform') {
    throw new DeviceError(
      'DEVICE_UNAVAILABLE',
      `The GPU runtime ${runtime.id} is for ${runtime.platform}; this is ${process.platform}-${process.arch}`,
      { hint: 'Build ONNX Runtime with its CUDA provider here and point HAZURE_ONNXRUNTIME at it.' },
    );
  }
  if (before.state === 'fetched') return before;
  if (context.offline) {
    throw new DeviceError(
      'ADDON_UNAVAILABLE',
      'The GPU runtime is not in the cache, and HAZURE_OFFLINE forbids fetching it',
      {
        hint: `Unset HAZURE_OFFLINE and run \`${COMMAND}\`, or copy the folder ${before.dir} from a machine that has it.`,
      },
    );
  }
  const { dir } = before;
  return withBundleLock(dirname(dir), basename(dir), async () => {
    // Somebody else may have finished the same fetch meanwhile.
    const now = await gpuRuntimeStatus(options);
    if (now.state === 'fetched') return now;
    const work = `${dir}.partial`;
    await rm(work, { recursive: true, force: true });
    try {
      const ready = join(work, 'ready');
      await mkdir(ready, { recursive: true });
      // Without a cache nothing is written behind our back, also not after an interruption.
      const npm = { ...(context.npm ?? (await userNpmOptions())), cache: undefined };
      for (const source of runtime.sources) {
        if (signal?.aborted) throw new InterruptedError('Fetching the GPU runtime was interrupted');
        const item = `${source.package}@${source.version}`;
        const unpacked = join(work, 'unpacked');
        await mkdir(unpacked, { recursive: true });
        await fetchNpmFiles(
          { kind: 'npm', ...source },
          unpacked,
          npm,
          (doneBytes) =>
            onProgress?.({
              bundle: runtime.id,
              phase: 'download',
              item,
              doneBytes,
              totalBytes: source.tarballBytes,
            }),
          { command: COMMAND, ...(signal === undefined ? {} : { signal }) },
        );
        for (const { path, name } of source.files) await rename(join(unpacked, path), join(ready, name));
        await rm(unpacked, { recursive: true, force: true });
      }
      await rm(dir, { recursive: true, force: true });
      await rename(ready, dir);
    } catch (error) {
      throw diskError(error) ?? error;
    } finally {
      await rm(work, { recursive: true, force: true });
    }
    const fetched = await gpuRuntimeStatus(options);
    // A process of this user that starts from here on opens it.
    if (gpuRuntimeLibrary(env, runtime) === null) {
      throw new DeviceError('ADDON_UNAVAILABLE', `The GPU runtime in ${dir} is not whole after the fetch`, {
        hint: `Run \`${COMMAND}\` again.`,
      });
    }
    return fetched;
  });
}

/** Whether the GPU runtime is here and whole. Hashes what is there (270 MB: a second or so). */
export async function gpuRuntimeStatus(options: GpuRuntimeOptions = {}): Promise<GpuRuntimeStatus> {
  const { runtime = GPU_RUNTIME, env = process.env } = options;
  const dir = gpuRuntimeDir(env, runtime);
  const files = gpuRuntimeFiles(runtime);
  const facts = {
    id: runtime.id,
    dir,
    onnxRuntimeVersion: runtime.onnxRuntimeVersion,
    needs: runtime.needs,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    downloadBytes: runtime.sources.reduce((sum, { tarballBytes }) => sum + tarballBytes, 0),
  };
  if (runtime.platform !== `${process.platform}-${process.arch}`) {
    return { ...facts, state: 'not for this platform', damaged: [] };
  }
  const damaged: string[] = [];
  let absent = 0;
  for (const { name, sha256 } of files) {
    const came = await sha256File(join(dir, name)).catch(() => null);
    if (came === null) absent += 1;
    if (came !== sha256) damaged.push(name);
  }
  if (absent === files.length) return { ...facts, state: 'not fetched', damaged: [] };
  return { ...facts, state: damaged.length === 0 ? 'fetched' : 'damaged', damaged };
}
