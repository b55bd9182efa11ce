import { createHash } from 'node:crypto';
import { ModelError } from '@hazure/contracts';
import type { OnnxValue } from '../onnx/model.js';
import { summarizeOnnx } from '../onnx/summary.js';
import type { OnnxStep, OnnxSummary } from '../onnx/summary.js';
import { derivedModel } from '../store/derived.js';
import type { ModelFiles } from '../store/model-files.js';

/** A tensor of a network that says what is where in its image. */
export interface SpatialMap {
  /** As the graph names it. */
  readonly tensor: string;
  /** `grid`: `[N, channels, height, width]`; `tokens`: `[N, tokens, channels]`, row by row after `extraTokens`. */
  readonly kind: 'grid' | 'tokens';
  /** Pixels of the network's input from one cell to the next; null where the graph doesn't say. */
  readonly stride: number | null;
  /** Why it was taken, in words. */
  readonly reason: string;
}

/** Operations whose output has a cell for each cell of their first input. */
const CELLWISE = new Set([
  ...[
    'Relu',
    'LeakyRelu',
    'PRelu',
    'Elu',
    'Selu',
    'Celu',
    'Gelu',
    'Sigmoid',
    'HardSigmoid',
    'HardSwish',
    'Tanh',
  ],
  ...[
    'Clip',
    'Softplus',
    'Mish',
    'Erf',
    'BatchNormalization',
    'InstanceNormalization',
    'GroupNormalization',
    'LRN',
  ],
  ...[
    'Identity',
    'Dropout',
    'Cast',
    'Pad',
    'Add',
    'Sub',
    'Mul',
    'Div',
    'Max',
    'Min',
    'Pow',
    'Sqrt',
    'Concat',
  ],
  ...['QuantizeLinear', 'DequantizeLinear'],
]);
const MOVING = new Set(['Conv', 'FusedConv', 'MaxPool', 'AveragePool', 'LpPool']);
const JOINING = new Set(['Add', 'Concat']);
/** Finer maps say of edges, not of things, and are large. */
const LEAST_STRIDE = 4;
/** The one convolution that cuts an image into a transformer's patches has seen nothing yet. */
const LEAST_DEPTH = 2;

/**
 * Spatial maps of an embedding network: declared by name, or found by following strides through the graph from its
 * image to the embedding. Of each stride the last tensor that joins branches (a residual block's end) is taken, else the
 * last one; of a vision transformer whose tokens are an output, these.
 *
 * @param path of the model
 * @param output the embedding's name; what does not lead to it is not looked at
 * @param declared names of tensors; nothing is looked for then
 * @returns by stride, finest first; at least one
 * @throws ModelError `MODEL_UNSUPPORTED` where a declared tensor is not there, or none is found
 */
export async function findSpatialMaps(
  path: string,
  output: string,
  declared?: readonly string[],
): Promise<SpatialMap[]> {
  const summary = await summarizeOnnx(path);
  const cells = cellsFrom(summary);
  if (declared !== undefined) return declared.map((tensor) => declaredMap(tensor, { path, summary, cells }));
  const tokens = summary.outputs.filter(
    ({ name, dims }) => dims.length === 3 && name === 'last_hidden_state',
  );
  if (tokens.length > 0) return tokens.map(tokenMap);
  const last = lastOfStrides(summary, cells, ancestors(summary.steps, output));
  const found = [...last].sort(([a], [b]) => a - b).map(([, map]) => map);
  if (found.length > 0) return found;
  throw new ModelError(
    'MODEL_UNSUPPORTED',
    `Expected spatial feature maps in ${path}: convolutions that lead to ${output}, or an output last_hidden_state; found neither`,
    { hint: 'Name tensors with a height and a width in the declaration beside the model.' },
  );
}

function tokenMap({ name }: OnnxValue): SpatialMap {
  return { tensor: name, kind: 'tokens', stride: null, reason: 'tokens of a transformer' };
}

function declaredMap(
  tensor: string,
  model: {
    readonly path: string;
    readonly summary: OnnxSummary;
    readonly cells: ReadonlyMap<string, Cells>;
  },
): SpatialMap {
  const { summary, cells, path } = model;
  const known = summary.outputs.find(({ name }) => name === tensor);
  if (known === undefined && !summary.steps.has(tensor)) {
    throw new ModelError(
      'MODEL_UNSUPPORTED',
      `Expected a tensor ${tensor} in ${path}, found none of that name`,
      {
        hint: 'Name a tensor as the graph does; a viewer such as Netron shows the names.',
      },
    );
  }
  const kind = known?.dims.length === 3 ? 'tokens' : 'grid';
  return { tensor, kind, stride: cells.get(tensor)?.stride ?? null, reason: 'declared' };
}

/** How a tensor's cells lie on the image. */
interface Cells {
  /** Vertical; both are taken to be alike. */
  readonly stride: number;
  /** Convolutions and poolings between the image and it. */
  readonly depth: number;
}

/** Of each tensor that has a cell structure still, in topological order. */
function cellsFrom({ inputs, steps }: OnnxSummary): Map<string, Cells> {
  const cells = new Map<string, Cells>();
  for (const { name, dims } of inputs) if (dims.length === 4) cells.set(name, { stride: 1, depth: 0 });
  for (const [name, step] of steps) {
    const made = cellsAfter(step, cells);
    if (made !== null) cells.set(name, made);
  }
  return cells;
}

function cellsAfter(step: OnnxStep, known: ReadonlyMap<string, Cells>): Cells | null {
  const { opType, inputs, strides } = step;
  if (MOVING.has(opType)) {
    const before = known.get(inputs[0] ?? '');
    return before === undefined
      ? null
      : { stride: before.stride * (strides?.[0] ?? 1), depth: before.depth + 1 };
  }
  if (!CELLWISE.has(opType)) return null;
  const of = inputs.flatMap((input) => known.get(input) ?? []);
  if (new Set(of.map(({ stride }) => stride)).size !== 1) return null;
  return { stride: of[0].stride, depth: Math.max(...of.map(({ depth }) => depth)) };
}

function ancestors(steps: ReadonlyMap<string, OnnxStep>, output: string): Set<string> {
  const found = new Set<string>();
  const open = [output];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    open.push(...(steps.get(name)?.inputs ?? []));
  }
  return found;
}

function lastOfStrides(
  { steps }: OnnxSummary,
  cells: ReadonlyMap<string, Cells>,
  leading: ReadonlySet<string>,
): Map<number, SpatialMap> {
  const last = new Map<number, SpatialMap>();
  const joined = new Set<number>();
  for (const [tensor, step] of steps) {
    const { stride, depth } = cells.get(tensor) ?? { stride: 0, depth: 0 };
    if (stride < LEAST_STRIDE || depth < LEAST_DEPTH || !leading.has(tensor)) continue;
    const joins = JOINING.has(step.opType) && step.inputs.filter((name) => cells.has(name)).length > 1;
    if (!joins && joined.has(stride)) continue;
    if (joins) joined.add(stride);
    const reason = `the last ${joins ? 'join of branches' : 'tensor'} of stride ${stride}`;
    last.set(stride, { tensor, kind: 'grid', stride, reason });
  }
  return last;
}

/**
 * A copy of the model in the cache with the maps among its outputs; the model itself where they are outputs already.
 *
 * @returns path of the copy
 */
export async function withMapOutputs(
  model: { readonly files: ModelFiles; readonly sha256: string },
  maps: readonly SpatialMap[],
  cacheDir: string,
): Promise<string> {
  const { path } = model.files.graph;
  const { outputs } = await summarizeOnnx(path);
  const missing = maps.filter(({ tensor }) => !outputs.some(({ name }) => name === tensor));
  if (missing.length === 0) return path;
  const parts = {
    nodes: [],
    initializers: new Map(),
    outputs: missing.map(({ tensor, kind }): OnnxValue => {
      const dims = kind === 'grid' ? [null, null, null, null] : [null, null, null];
      return { name: tensor, type: outputs[0].type, dims };
    }),
  };
  // The model may be a derived copy itself: what it has decides what the new one has.
  const names = JSON.stringify([outputs.map(({ name }) => name), missing.map(({ tensor }) => tensor)]);
  const what = `maps-${createHash('sha256').update(names).digest('hex').slice(0, 16)}`;
  return derivedModel(model.files, model.sha256, { what, parts, cacheDir });
}

/** Most class and register tokens that are looked for before the patches. */
const MOST_EXTRA_TOKENS = 8;

/**
 * Tokens that a transformer has before those of its patches (a class token, a distillation token, registers): the least
 * number that leaves a square.
 *
 * @throws ModelError `MODEL_UNSUPPORTED` where none of 0…8 does
 */
export function extraTokensOf(tokens: number): number {
  for (let extra = 0; extra <= Math.min(MOST_EXTRA_TOKENS, tokens - 1); extra++) {
    if (Number.isInteger(Math.sqrt(tokens - extra))) return extra;
  }
  throw new ModelError(
    'MODEL_UNSUPPORTED',
    `Expected tokens of a square of patches and at most ${MOST_EXTRA_TOKENS} others, got ${tokens} tokens`,
  );
}
