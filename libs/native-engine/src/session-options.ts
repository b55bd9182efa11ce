import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { SessionOptions, TensorRtOptions } from './api.js';
import { cacheRoot } from './cache-dir.js';

/** Session options as the addon takes them: the engine cache decided. */
export interface RawSessionOptions extends Omit<SessionOptions, 'tensorrt' | 'modelSha256'> {
  readonly tensorrt?: Omit<TensorRtOptions, 'cacheDir'> & {
    readonly cacheDir?: string;
    readonly modelHash?: string;
  };
}

/** Where TensorRT engines are kept unless told otherwise: `tensorrt` in hazure's cache folder. */
export function defaultTensorRtCacheDir(): string {
  return join(cacheRoot(), 'tensorrt');
}

/**
 * Fills in what TensorRT's engine cache needs. The model is hashed only where an engine may be built at all.
 *
 * @param mayUseTensorRt whether this machine has a device for it
 */
export async function rawSessionOptions(
  modelPath: string,
  options: SessionOptions | undefined,
  mayUseTensorRt: () => boolean,
): Promise<RawSessionOptions | undefined> {
  // What is no object is the addon's to refuse.
  if (options === null || (options !== undefined && typeof options !== 'object')) return options;
  const { tensorrt, modelSha256, ...others } = options ?? {};
  const { cacheDir = defaultTensorRtCacheDir(), ...rest } = tensorrt ?? {};
  const asked = [undefined, 'auto', 'tensorrt'].includes(others.device);
  if (cacheDir === null || !asked || !mayUseTensorRt()) {
    return tensorrt === undefined ? others : { ...others, tensorrt: rest };
  }
  return { ...others, tensorrt: { ...rest, cacheDir, modelHash: await modelHash(modelPath, modelSha256) } };
}

/** Of the graph, and of the weights that lie outside it where the caller says whose they are. */
async function modelHash(path: string, modelSha256: string | undefined): Promise<string> {
  const graph = await sha256(path);
  if (modelSha256 === undefined || modelSha256 === graph || graph === '') return graph;
  return createHash('sha256').update(`${modelSha256}:${graph}`).digest('hex');
}

/** Hex digest; an unreadable file gives '' (no cache), and the load that follows says what is wrong with it. */
async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
    return hash.digest('hex');
  } catch {
    return '';
  }
}
