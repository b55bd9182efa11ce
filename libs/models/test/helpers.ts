import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OnnxGraph, OnnxNode, OnnxValue } from '../src/index.js';
import { encodeOnnx } from '../src/index.js';

export const testdata = (path: string): string => new URL(`../testdata/${path}`, import.meta.url).pathname;

/** A folder that is gone after the tests of the calling file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hazure-models-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The generator of libs/models/bench/make-tfjs-golden.mjs: −2 … 2. */
export function noise(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround((state / 2 ** 32 - 0.5) * 4);
  });
}

type Dims = OnnxValue['dims'];

/**
 * Writes a model whose outputs have the given shapes; the nodes are of the given types and compute nothing
 * sensible, because only the header is read.
 */
export function writeHeaderModel(
  path: string,
  options: {
    inputs?: Readonly<Record<string, Dims>>;
    outputs: Readonly<Record<string, Dims>>;
    opType?: string;
    metadata?: Readonly<Record<string, string>>;
  },
): string {
  const values = (record: Readonly<Record<string, Dims>>): OnnxValue[] =>
    Object.entries(record).map(([name, dims]) => ({ name, type: 'float32', dims }));
  const inputs = values(options.inputs ?? { images: ['batch', 3, 64, 64] });
  const outputs = values(options.outputs);
  const nodes = outputs.map((output): OnnxNode => ({
    name: output.name,
    opType: options.opType ?? 'Identity',
    inputs: [inputs[0]!.name],
    outputs: [output.name],
    attributes: {},
  }));
  const graph: OnnxGraph = { name: 'test', nodes, initializers: new Map(), inputs, outputs };
  writeFileSync(
    path,
    encodeOnnx({ graph, opset: 17, producerName: 'test', metadata: options.metadata ?? {} }),
  );
  return path;
}
