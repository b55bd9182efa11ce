import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname, posix, resolve } from 'node:path';
import { ModelError, messageOf } from '@hazure/contracts';
import type { ExternalFile } from '../onnx/summary.js';
import { summarizeOnnx } from '../onnx/summary.js';
import { sha256File } from './files.js';

/** One file that a model consists of. */
export interface ModelFile {
  /** File name of the graph; for weights the location that the graph names, relative to its folder. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

/** A model as files: its graph first, then the weights that lie outside it, by name. */
export interface ModelFiles {
  readonly graph: ModelFile;
  readonly weights: readonly ModelFile[];
}

/**
 * The location of an external weight file, with `/` between folders and without `.`.
 *
 * @throws ModelError `MODEL_INVALID` for one that is absolute, leads out of the model's folder, or is no file name:
 *   a graph must not make hazure read any file of the machine
 */
export function safeLocation(location: string, modelPath: string): string {
  const refuse = (reason: string): never => {
    throw new ModelError(
      'MODEL_INVALID',
      `${modelPath} names the weight file ${JSON.stringify(location)}, which ${reason}`,
      {
        hint: "Weights must lie beside the .onnx file or below its folder; save the model again with a relative location. Don't use a file whose origin you don't know.",
      },
    );
  };
  if (location.includes('\0')) refuse('is no file name');
  const slashed = location.replaceAll('\\', '/');
  if (slashed.startsWith('/') || /^[A-Za-z]:/.test(slashed)) refuse('is an absolute path');
  if (slashed.split('/').includes('..')) refuse("leads out of the model's folder");
  const clean = posix.normalize(slashed);
  if (clean === '.' || clean.endsWith('/')) refuse('is no file name');
  return clean;
}

/**
 * Every file of the model at `path`, checked to be there and long enough.
 *
 * @throws ModelError `MODEL_MISSING`, `MODEL_INVALID`; the message names the file that is missing or cut off
 */
export async function modelFiles(path: string): Promise<ModelFiles> {
  const { externalFiles, fileBytes } = await summarizeOnnx(path);
  return gather(path, fileBytes, externalFiles);
}

/** As `modelFiles`; a file that is no ONNX model stands for itself alone, and whoever reads it will say so. */
export async function resolvedFiles(path: string): Promise<ModelFiles> {
  return gather(path, (await stat(path)).size, await externalFilesOf(path));
}

/** What a graph names; nothing where the file is no ONNX model. */
export async function externalFilesOf(path: string): Promise<readonly ExternalFile[]> {
  try {
    return (await summarizeOnnx(path)).externalFiles;
  } catch (error) {
    if (error instanceof ModelError && error.code === 'MODEL_INVALID') return [];
    throw error;
  }
}

async function gather(
  path: string,
  fileBytes: number,
  externalFiles: readonly ExternalFile[],
): Promise<ModelFiles> {
  const weights = await Promise.all(externalFiles.map((file) => weightFile(file, path)));
  return { graph: { name: posix.basename(path.replaceAll('\\', '/')), path, bytes: fileBytes }, weights };
}

async function weightFile({ location, endBytes }: ExternalFile, modelPath: string): Promise<ModelFile> {
  const name = safeLocation(location, modelPath);
  const path = resolve(dirname(modelPath), name);
  const stats = await stat(path).catch((cause: unknown) => {
    throw new ModelError(
      'MODEL_INVALID',
      `${modelPath} keeps weights in ${name}, but there is no such file beside it: ${messageOf(cause)}`,
      { hint: `Copy ${name} to ${dirname(modelPath)}, together with the .onnx file it came with.`, cause },
    );
  });
  if (!stats.isFile() || stats.size < endBytes) {
    throw new ModelError(
      'MODEL_INVALID',
      `${modelPath} reads ${endBytes} bytes of its weights ${name}, which has ${stats.size}`,
      { hint: 'The weights are cut off or belong to another model; copy or download them again.' },
    );
  }
  return { name, path, bytes: stats.size };
}

/**
 * What tells one model from another: the sha256 of its file; where it keeps weights in other files, a sha256 over the
 * digests and names of all of them, so that the same graph with other weights is another model.
 */
export async function modelSha256(files: ModelFiles): Promise<string> {
  const graph = await sha256File(files.graph.path);
  if (files.weights.length === 0) return graph;
  const digests = [];
  for (const { name, path } of files.weights) digests.push({ name, sha256: await sha256File(path) });
  return combinedSha256(graph, digests);
}

/** As `modelSha256`, from digests. Names are relative to the graph's folder and sorted here. */
export function combinedSha256(
  graph: string,
  weights: readonly { readonly name: string; readonly sha256: string }[],
): string {
  if (weights.length === 0) return graph;
  const lines = weights.map(({ name, sha256 }) => `${sha256}  ${name}\n`).sort();
  return createHash('sha256')
    .update(`hazure-model/1\n${graph}\n${lines.join('')}`)
    .digest('hex');
}
