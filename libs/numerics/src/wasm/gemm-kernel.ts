import { assembleModule, f32x4, f64x2, FunctionBuilder, i32, v128, valueTypes } from './assembler.js';
import type { Code } from './assembler.js';
import type { KernelMemory } from './kernel-memory.js';
import type { WasmModule } from './webassembly.js';

/** Rows of A per packed panel: 4 rows × 2 vectors of B keep 8 accumulators in the 16 SIMD registers. */
export const PANEL_ROWS = 4;
/** Columns (rows of the transposed B) per packed panel. */
export const PANEL_COLUMNS = { float32: 8, float64: 4 } as const;
export type GemmType = keyof typeof PANEL_COLUMNS;

/**
 * `panel(a, b, c, panels, depth, aStride, cStride)`: for each of `panels` A panels, adds A·Bᵀ to a tile of C.
 * a: panels of 4 rows, column by column (`depth × 4` values, `aStride` bytes apart).
 * b: one panel of `PANEL_COLUMNS` rows, column by column. c: row-major, `cStride` bytes per row.
 * Goto & van de Geijn, Anatomy of High-Performance Matrix Multiplication (2008): the B panel stays in L1.
 */
function panelFunction(type: GemmType): FunctionBuilder {
  const f = new FunctionBuilder();
  const [a, b, c, panels, depth, aStride, cStride] = Array.from({ length: 7 }, () => f.param(valueTypes.i32));
  const [aAt, bAt, row, left] = Array.from({ length: 4 }, () => f.local(valueTypes.i32));
  const accumulators = Array.from({ length: PANEL_ROWS * 2 }, () => f.local(valueTypes.v128));
  const [b0, b1, splat] = Array.from({ length: 3 }, () => f.local(valueTypes.v128));
  const lanes = type === 'float32' ? f32x4 : f64x2;
  const loadSplat = type === 'float32' ? v128.load32Splat : v128.load64Splat;
  const valueBytes = type === 'float32' ? 4 : 8;
  const advance = (local: number, by: Code): Code => f.set(local, i32.add(f.get(local), by));
  const rows = Array.from({ length: PANEL_ROWS }, (_, i) => i);

  const eachRow = (statement: (i: number) => Code[]): Code[] => [
    f.set(row, f.get(c)),
    ...rows.flatMap((i) => [...statement(i), advance(row, f.get(cStride))]),
  ];
  const multiplyRow = (i: number): Code[] => [
    f.set(splat, loadSplat(f.get(aAt), i * valueBytes)),
    ...[b0, b1].map((column, j) => {
      const accumulator = accumulators[2 * i + j];
      return f.set(accumulator, lanes.add(f.get(accumulator), lanes.mul(f.get(splat), f.get(column))));
    }),
  ];
  f.body(
    f.doWhile(
      [
        ...eachRow((i) => [
          f.set(accumulators[2 * i], v128.load(f.get(row))),
          f.set(accumulators[2 * i + 1], v128.load(f.get(row), 16)),
        ]),
        f.set(aAt, f.get(a)),
        f.set(bAt, f.get(b)),
        f.set(left, f.get(depth)),
        // One column per turn: V8 unrolls this itself, and spills registers when it is unrolled here.
        f.doWhile(
          [
            f.set(b0, v128.load(f.get(bAt))),
            f.set(b1, v128.load(f.get(bAt), 16)),
            ...rows.flatMap(multiplyRow),
            advance(aAt, i32.const(PANEL_ROWS * valueBytes)),
            advance(bAt, i32.const(32)),
            advance(left, i32.const(-1)),
          ],
          f.get(left),
        ),
        ...eachRow((i) => [
          v128.store(f.get(row), f.get(accumulators[2 * i])),
          v128.store(f.get(row), f.get(accumulators[2 * i + 1]), 16),
        ]),
        f.set(c, f.get(row)),
        advance(a, f.get(aStride)),
        advance(panels, i32.const(-1)),
      ],
      f.get(panels),
    ),
  );
  return f;
}

export type PanelKernel = (
  a: number,
  b: number,
  c: number,
  panels: number,
  depth: number,
  aStride: number,
  cStride: number,
) => void;

let compiled: WasmModule | undefined;

/** Both kernels over one memory; the module is compiled once per thread. */
export function gemmKernels(memory: KernelMemory): Readonly<Record<GemmType, PanelKernel>> {
  compiled ??= assembleModule({ float32: panelFunction('float32'), float64: panelFunction('float64') });
  return memory.exportsOf(compiled) as Readonly<Record<GemmType, PanelKernel>>;
}
