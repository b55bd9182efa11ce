import { KERNELS_BASE64 } from './kernels.generated.js';

type Pointer = number;

/** The exports of kernels/index.ts, compiled to WebAssembly with SIMD. Pointers are byte addresses. */
export interface Kernels {
  squaredNorms(rows: Pointer, stride: number, from: number, to: number, out: Pointer): void;
  clearHeaps(from: number, to: number, k: number, distances: Pointer, indices: Pointer): void;
  scan(
    queries: Pointer,
    qNorms: Pointer,
    qFrom: number,
    qTo: number,
    candidates: Pointer,
    cNorms: Pointer,
    cFrom: number,
    cTo: number,
    stride: number,
    k: number,
    heapDistances: Pointer,
    heapIndices: Pointer,
    same: number,
    list: Pointer,
  ): void;
  sortHeaps(
    queries: Pointer,
    candidates: Pointer,
    stride: number,
    from: number,
    to: number,
    k: number,
    heapDistances: Pointer,
    heapIndices: Pointer,
    cosine: number,
  ): void;
  gramTimesFour(rows: Pointer, stride: number, from: number, to: number, basis: Pointer, out: Pointer): void;
  projectOnFour(
    rows: Pointer,
    stride: number,
    from: number,
    to: number,
    basis: Pointer,
    scores: Pointer,
  ): void;
  conditionalAffinities(
    rows: Pointer,
    stride: number,
    k: number,
    from: number,
    to: number,
    logPerplexity: number,
    scratch: Pointer,
  ): void;
  attract(
    y: Pointer,
    from: number,
    to: number,
    rowStarts: Pointer,
    columns: Pointer,
    affinities: Pointer,
    attraction: Pointer,
  ): void;
  stretchedLength(
    y: Pointer,
    from: number,
    to: number,
    rowStarts: Pointer,
    columns: Pointer,
    affinities: Pointer,
  ): number;
  repelExactly(y: Pointer, n: number, from: number, to: number, repulsion: Pointer): number;
  step(
    y: Pointer,
    from: number,
    to: number,
    attraction: Pointer,
    repulsion: Pointer,
    velocity: Pointer,
    gains: Pointer,
    exaggeration: number,
    inverseZ: number,
    momentum: number,
    learningRate: number,
    bounds: Pointer,
  ): void;
  spread(
    y: Pointer,
    from: number,
    to: number,
    minX: number,
    minY: number,
    inverseSpacing: number,
    nodes: number,
    charges: Pointer,
  ): void;
  forwardRows(
    row: number,
    charges: Pointer,
    grids: number,
    gridBytes: number,
    nodes: number,
    size: number,
    pitch: number,
    radices: Pointer,
    radixCount: number,
    roots: Pointer,
    buffer: Pointer,
    planeRe: Pointer,
    planeIm: Pointer,
  ): void;
  columns(
    quad: number,
    nodes: number,
    size: number,
    pitch: number,
    radices: Pointer,
    radixCount: number,
    roots: Pointer,
    buffer: Pointer,
    planeRe: Pointer,
    planeIm: Pointer,
    otherRe: Pointer,
    otherIm: Pointer,
    potential: Pointer,
    forceX: Pointer,
    forceY: Pointer,
  ): number;
  inverseRows(
    row: number,
    nodes: number,
    size: number,
    pitch: number,
    radices: Pointer,
    radixCount: number,
    roots: Pointer,
    buffer: Pointer,
    planeRe: Pointer,
    planeIm: Pointer,
    otherRe: Pointer,
    otherIm: Pointer,
    field: Pointer,
  ): void;
  interpolate(
    y: Pointer,
    from: number,
    to: number,
    minX: number,
    minY: number,
    inverseSpacing: number,
    nodes: number,
    field: Pointer,
    out: Pointer,
  ): void;
  kernelRows(
    row: number,
    size: number,
    pitch: number,
    spacing: number,
    radices: Pointer,
    radixCount: number,
    roots: Pointer,
    buffer: Pointer,
    potential: Pointer,
    force: Pointer,
  ): void;
  kernelColumns(
    quad: number,
    size: number,
    pitch: number,
    radices: Pointer,
    radixCount: number,
    roots: Pointer,
    response: Pointer,
    buffer: Pointer,
    potential: Pointer,
    force: Pointer,
    outPotential: Pointer,
    outForceX: Pointer,
    outForceY: Pointer,
  ): void;
  place(
    y: Pointer,
    from: number,
    to: number,
    indices: Pointer,
    affinities: Pointer,
    k: number,
    pitch: number,
    points: Pointer,
    tree: Pointer,
    count: number,
    thetaSquared: number,
    iterations: number,
    learningRate: number,
    momentum: number,
    out: Pointer,
  ): void;
  sampleWindow(t: number, out: Pointer): void;
  curveKeys(
    y: Pointer,
    from: number,
    to: number,
    minX: number,
    minY: number,
    extent: number,
    out: Pointer,
  ): void;
  sortKeys(pairs: Pointer, spare: Pointer, n: number, counts: Pointer): void;
  buildTree(y: Pointer, pairs: Pointer, points: Pointer, n: number, extent: number, tree: Pointer): number;
  repelByTree(
    pairs: Pointer,
    points: Pointer,
    from: number,
    to: number,
    tree: Pointer,
    count: number,
    thetaSquared: number,
    repulsion: Pointer,
  ): number;
}

export function compileKernels(): WebAssembly.Module {
  return new WebAssembly.Module(Buffer.from(KERNELS_BASE64, 'base64'));
}

export function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels;
}
