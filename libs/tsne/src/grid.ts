import { Arena, floats, integers } from './memory.js';
import type { Team } from './team.js';

/**
 * Node distance in units of the kernel's width. 0.5 keeps the force of a pair within 2% (root mean square) of
 * the exact one: libs/tsne/bench/accuracy.mjs.
 */
const SPACING = 0.5;
/** Nodes that a map covers at least: a small map gets a finer grid. */
const MIN_CELLS = 40;
/** Nodes outside the map on both sides together: the window reaches one cell before and two after a point. */
const MARGIN = 6;
const MAX_SIZE = 4096;
const WINDOW_SAMPLES = 64;

/** Transform lengths: 2ᵃ3ᵇ, multiples of 16. */
const SIZES = transformSizes();

function transformSizes(): number[] {
  const sizes: number[] = [];
  for (let three = 1; three <= 81; three *= 3) {
    for (let size = 16 * three; size <= MAX_SIZE; size *= 2) sizes.push(size);
  }
  return sizes.filter((size) => size >= 96).sort((a, b) => a - b);
}

function radicesOf(size: number): number[] {
  const radices: number[] = [];
  for (const radix of [4, 3, 2]) {
    while (size % radix === 0 && !(radix === 2 && size % 4 === 0)) {
      radices.push(radix);
      size /= radix;
    }
  }
  return radices;
}

export interface Geometry {
  readonly size: number;
  readonly spacing: number;
}

/** Floats per row of the half-spectra, and nodes per side that a transform of `size` can hold. */
const pitchOf = (size: number): number => (size / 2 + 4) & ~3;
const capacityOf = (size: number): number => (size - 8) >> 1;

/** The cheapest grid for a map of this extent; keeps the current one while it fits and is not much too large. */
function chooseGeometry(extent: number, current: Geometry | null, finest = SPACING): Geometry {
  let spacing = finest;
  // Powers of two, so that the spacing (and with it the kernel's spectrum) changes seldom.
  while (extent / spacing < MIN_CELLS && spacing > 1e-30) spacing /= 2;
  const limit = capacityOf(MAX_SIZE) - MARGIN;
  while (extent / spacing > limit) spacing *= Math.SQRT2;
  const needed = Math.ceil(extent / spacing) + MARGIN + 8;
  if (current?.spacing === spacing) {
    const capacity = capacityOf(current.size);
    if (needed <= capacity && needed > 0.7 * capacity) return current;
  }
  const size = SIZES.find((candidate) => capacityOf(candidate) >= needed) ?? MAX_SIZE;
  return { size, spacing };
}

/**
 * Whether summing all pairs of `rows` points costs well below a grid of this size: few points that lie far apart (a map
 * of eight rows can be thousands wide) would ask for millions of nodes. In the units of the calibration behind
 * EXACT_UP_TO, one pair costs about as much as one node and level of the transform; a factor of four keeps the grid
 * wherever it is not plainly the slower way: libs/tsne/bench/small-maps.mjs.
 */
function pairsAreCheaper(rows: number, size: number): boolean {
  return 4 * rows * rows < size * size * Math.log2(size);
}

/** minX, minY, maxX, maxY */
type Bounds = readonly [number, number, number, number];

function extentOf([minX, minY, maxX, maxY]: Bounds): number {
  return Math.max(maxX - minX, maxY - minY, 1e-20);
}

/** Addresses of everything a grid needs; a pure function of the sizes, so that every thread computes it alone. */
function layout(base: number, size: number, threads: number) {
  const pitch = pitchOf(size);
  const nodes = capacityOf(size) & ~7;
  const half = size / 2 + 1;
  const kernelRows = (half + 3) & ~3;
  let top = base;
  const take = (bytes: number): number => {
    const pointer = top;
    top = Math.ceil((top + bytes) / 64) * 64;
    return pointer;
  };
  const table = 4 * 4 * half * (pitch / 4);
  const plane = 4 * Math.max(nodes, kernelRows) * pitch;
  return {
    pitch,
    nodes,
    half,
    kernelRows,
    radices: take(64),
    roots: take(8 * size),
    response: take(4 * half),
    sample: take(16),
    potential: take(table),
    forceX: take(table),
    forceY: take(table),
    xRe: take(plane),
    xIm: take(plane),
    yRe: take(plane),
    yIm: take(plane),
    field: take(8 * nodes * nodes),
    energy: take(8 * (pitch / 4)),
    bufferBytes: 16 * 6 * size,
    buffers: take(16 * 6 * size * threads),
    chargeBytes: 8 * nodes * nodes,
    charges: take(8 * nodes * nodes * threads),
    get end() {
      return top;
    },
  };
}

/**
 * Repulsion by convolution on a grid (after Linderman et al., "Fast interpolation-based t-SNE", 2019), with one
 * charge per point instead of three: the force kernel (x, y)/(1 + d²)² is convolved itself, both of its
 * components ride in one inverse transform, and Σ 1/(1 + d²) comes from the spectrum (Parseval), so an
 * iteration costs one real forward and one complex inverse transform.
 */
export class GridRepulsion {
  private geometry: Geometry | null = null;
  private at: ReturnType<typeof layout> | null = null;
  private nodes = 0;
  private minX = 0;
  private minY = 0;

  constructor(
    private readonly team: Team,
    private readonly base: number,
    private readonly y: number,
    private readonly rows: number,
    private readonly chunk: number,
    private readonly spacing = SPACING,
  ) {}

  /** Whether the grid is the quicker way for a map of this extent; every thread gets the same answer. */
  suits(bounds: Bounds): boolean {
    return !pairsAreCheaper(this.rows, chooseGeometry(extentOf(bounds), this.geometry, this.spacing).size);
  }

  /** Computes the field of all points; returns Z = Σ_{i≠j} 1 / (1 + d²). All threads call it. */
  prepare(bounds: Bounds): number {
    const { team } = this;
    const { kernels, memory } = team;
    const [minX, minY] = bounds;
    const extent = extentOf(bounds);
    this.fit(chooseGeometry(extent, this.geometry, this.spacing));
    const at = this.at!;
    const { size, spacing } = this.geometry!;
    const { radices, roots } = at;
    const count = radicesOf(size).length;
    this.nodes = Math.min(at.nodes, (Math.ceil(extent / spacing) + MARGIN + 7) & ~7);
    this.minX = minX;
    this.minY = minY;
    const { nodes } = this;
    const charges = at.charges + team.id * at.chargeBytes;
    const buffer = at.buffers + team.id * at.bufferBytes;
    new Uint8Array(memory.buffer, charges, 8 * nodes * nodes).fill(0);
    team.each(Math.ceil(this.rows / this.chunk), (piece) => {
      const from = piece * this.chunk;
      const to = Math.min(this.rows, from + this.chunk);
      kernels.spread(this.y, from, to, this.minX, this.minY, 1 / spacing, nodes, charges);
    });
    team.each(nodes / 8, (piece) =>
      kernels.forwardRows(
        ...([8 * piece, at.charges, team.threads, at.chargeBytes, nodes, size, at.pitch] as const),
        ...([radices, count, roots, buffer, at.xRe, at.xIm] as const),
      ),
    );
    const energy = new Float64Array(memory.buffer, at.energy, at.pitch / 4);
    team.each(at.pitch / 4, (quad) => {
      energy[quad] = kernels.columns(
        ...([quad, nodes, size, at.pitch, radices, count, roots, buffer] as const),
        ...([at.xRe, at.xIm, at.yRe, at.yIm, at.potential, at.forceX, at.forceY] as const),
      );
    });
    team.each(nodes / 4, (piece) =>
      kernels.inverseRows(
        ...([4 * piece, nodes, size, at.pitch, radices, count, roots, buffer] as const),
        ...([at.xRe, at.xIm, at.yRe, at.yIm, at.field] as const),
      ),
    );
    let normaliser = -this.rows;
    for (const share of energy) normaliser += share;
    return Math.max(normaliser, 1e-12);
  }

  /** Reads the field at points [from, to) of `y` into `out`. */
  read(from: number, to: number, out: number, y = this.y): void {
    this.team.kernels.interpolate(
      ...([y, from, to, this.minX, this.minY, 1 / this.geometry!.spacing] as const),
      ...([this.nodes, this.at!.field, out] as const),
    );
  }

  /** Makes the kernel's spectrum for a new size or spacing. */
  private fit(geometry: Geometry): void {
    if (geometry === this.geometry) return;
    this.geometry = geometry;
    const { team } = this;
    const { kernels } = team;
    const { size, spacing } = geometry;
    const at = layout(this.base, size, team.threads);
    this.at = at;
    const radices = radicesOf(size);
    team.lead(() => {
      const { memory } = team;
      new Arena(memory, this.base).allocate(at.end - this.base);
      integers(memory, at.radices, radices.length).set(radices);
      const roots = floats(memory, at.roots, 2 * size);
      for (let f = 0; f < size; f++) {
        roots[2 * f] = Math.cos((2 * Math.PI * f) / size);
        roots[2 * f + 1] = -Math.sin((2 * Math.PI * f) / size);
      }
      floats(memory, at.response, at.half).set(windowResponse(team, at.sample, size));
    });
    const buffer = at.buffers + team.id * at.bufferBytes;
    team.each(at.kernelRows / 4, (piece) =>
      kernels.kernelRows(
        ...([4 * piece, size, at.pitch, spacing, at.radices, radices.length, at.roots] as const),
        ...([buffer, at.xRe, at.xIm] as const),
      ),
    );
    team.each(at.pitch / 4, (quad) =>
      kernels.kernelColumns(
        ...([quad, size, at.pitch, at.radices, radices.length, at.roots, at.response] as const),
        ...([buffer, at.xRe, at.xIm, at.potential, at.forceX, at.forceY] as const),
      ),
    );
  }
}

/** Fourier transform of the spreading window at the frequencies 0 … size/2 of a periodic grid. */
function windowResponse(team: Team, scratch: number, size: number): Float64Array {
  const weights = floats(team.memory, scratch, 4);
  const response = new Float64Array(size / 2 + 1);
  for (let sample = 0; sample < WINDOW_SAMPLES; sample++) {
    const t = (sample + 0.5) / WINDOW_SAMPLES;
    team.kernels.sampleWindow(t, scratch);
    for (let node = 0; node < 4; node++) {
      for (let f = 0; f < response.length; f++) {
        response[f] += (weights[node] * Math.cos((2 * Math.PI * f * (t + 1 - node)) / size)) / WINDOW_SAMPLES;
      }
    }
  }
  return response;
}
