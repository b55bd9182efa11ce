import { copyFile, link, mkdir, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { GraphParts } from '../onnx/append.js';
import { appendToModel } from '../onnx/append.js';
import { diskError } from './files.js';
import type { ModelFile, ModelFiles } from './model-files.js';

/**
 * A copy of a model in the cache, with `parts` added to its graph and its weight files beside it as hard links
 * (as copies where the cache lies on another disk). Made once per model and `what`.
 *
 * @param identity the model's sha256 over all of its files
 * @param what part of the copy's name; must tell `parts`
 * @returns path of the copy
 */
export async function derivedModel(
  files: ModelFiles,
  identity: string,
  derived: { readonly what: string; readonly parts: GraphParts; readonly cacheDir: string },
): Promise<string> {
  const folder = join(derived.cacheDir, 'derived', `${identity}-${derived.what}`);
  const target = join(folder, 'model.onnx');
  try {
    for (const weights of files.weights) await place(weights, folder);
    await appendToModel(files.graph.path, target, derived.parts);
  } catch (error) {
    throw diskError(error) ?? error;
  }
  return target;
}

/**
 * A path from which the runtime loads the model: its own, or that of a copy in the cache where links lead its files
 * apart. The runtime refuses weights that, links followed, don't lie below the folder of the graph; the hub's own
 * cache keeps every file as a link to a blob.
 */
export async function loadablePath(files: ModelFiles, identity: string, cacheDir: string): Promise<string> {
  if (files.weights.length === 0) return files.graph.path;
  const folder = dirname(await realpath(files.graph.path));
  const together = await Promise.all(
    files.weights.map(async ({ name, path }) => {
      const real = await realpath(path);
      return real.startsWith(folder + sep) && (await realpath(join(folder, name)).catch(() => '')) === real;
    }),
  );
  if (together.every(Boolean)) return files.graph.path;
  const nothing: GraphParts = { nodes: [], initializers: new Map(), outputs: [] };
  return derivedModel(files, identity, { what: 'gathered', parts: nothing, cacheDir });
}

/** Puts a weight file into `folder` under its name, unless it is there. */
async function place({ name, path }: ModelFile, folder: string): Promise<void> {
  const target = join(folder, name);
  const source = await realpath(path);
  const [there, wanted] = await Promise.all([stat(target).catch(() => null), stat(source)]);
  // A hard link shows what its source shows; a link to a file that was replaced since is stale.
  if (there && there.ino === wanted.ino && there.dev === wanted.dev) return;
  if (there && there.nlink === 1 && there.size === wanted.size) return; // a copy: its folder's name is its digest
  await mkdir(dirname(target), { recursive: true });
  const partial = `${target}.${randomUUID()}.partial`;
  try {
    await link(source, partial).catch(() => copyFile(source, partial));
    await rename(partial, target);
  } finally {
    await rm(partial, { force: true });
  }
}
