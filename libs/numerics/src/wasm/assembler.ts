/**
 * A small WebAssembly assembler: enough to write SIMD kernels as TypeScript expressions, so that a kernel's
 * source is what runs and no binary lies in the repository. Opcodes from the WebAssembly core specification 2.0.
 */

import { webAssembly } from './webassembly.js';
import type { WasmModule } from './webassembly.js';

/** Encoded instructions. An expression leaves its value on the stack. */
export type Code = readonly number[];

const I32 = 0x7f;
const F32 = 0x7d;
const F64 = 0x7c;
const V128 = 0x7b;
export const valueTypes = { i32: I32, f32: F32, f64: F64, v128: V128 } as const;
export type ValueType = (typeof valueTypes)[keyof typeof valueTypes];

const EMPTY_BLOCK = 0x40;

function unsignedLeb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

function signedLeb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(done ? low : low | 0x80);
    if (done) return bytes;
  }
}

const binary =
  (...opcode: number[]) =>
  (left: Code, right: Code): Code => [...left, ...right, ...opcode];
const load =
  (...opcode: number[]) =>
  (address: Code, offset = 0): Code => [...address, ...opcode, 0, ...unsignedLeb(offset)];
const store =
  (...opcode: number[]) =>
  (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    ...opcode,
    0,
    ...unsignedLeb(offset),
  ];
/** SIMD opcodes stand behind the prefix 0xfd as a LEB128 number. */
const simd = (opcode: number): number[] => [0xfd, ...unsignedLeb(opcode)];

export const i32 = {
  const: (value: number): Code => [0x41, ...signedLeb(value)],
  load: load(0x28),
  add: binary(0x6a),
  sub: binary(0x6b),
  mul: binary(0x6c),
  shl: binary(0x74),
  shrU: binary(0x76),
};
export const f32 = { load: load(0x2a), gt: binary(0x5e) };
export const f64 = { load: load(0x2b), store: store(0x39), add: binary(0xa0) };
export const v128 = {
  load: load(...simd(0x00)),
  load32Splat: load(...simd(0x09)),
  load64Splat: load(...simd(0x0a)),
  store: store(...simd(0x0b)),
};
export const f32x4 = { add: binary(...simd(0xe4)), mul: binary(...simd(0xe6)) };
export const f64x2 = { add: binary(...simd(0xf0)), mul: binary(...simd(0xf2)) };

/** One function under construction; `param` and `local` hand out indices in the order of the calls. */
export class FunctionBuilder {
  private readonly params: ValueType[] = [];
  private readonly locals: ValueType[] = [];
  private code: number[] = [];

  /** All parameters must be declared before the first local. */
  param(type: ValueType): number {
    return this.params.push(type) - 1;
  }

  local(type: ValueType): number {
    return this.params.length + this.locals.push(type) - 1;
  }

  get(index: number): Code {
    return [0x20, ...unsignedLeb(index)];
  }

  set(index: number, value: Code): Code {
    return [...value, 0x21, ...unsignedLeb(index)];
  }

  /** Runs `body` while `condition` holds at its end (do … while). */
  doWhile(body: readonly Code[], condition: Code): Code {
    return [0x03, EMPTY_BLOCK, ...body.flat(), ...condition, 0x0d, 0, 0x0b];
  }

  body(...statements: readonly Code[]): void {
    this.code = statements.flat();
  }

  /** @internal */
  encode(): { type: number[]; code: number[] } {
    const type = [0x60, ...unsignedLeb(this.params.length), ...this.params, 0];
    const locals = this.locals.flatMap((valueType) => [1, valueType]);
    const content = [...unsignedLeb(this.locals.length), ...locals, ...this.code, 0x0b];
    return { type, code: [...unsignedLeb(content.length), ...content] };
  }
}

function section(id: number, content: number[]): number[] {
  return [id, ...unsignedLeb(content.length), ...content];
}

const nameOf = (text: string): number[] => {
  const bytes = [...new TextEncoder().encode(text)];
  return [...unsignedLeb(bytes.length), ...bytes];
};

/**
 * Assembles functions without results into a module that imports its memory as `env.memory` and exports each
 * function by its key.
 */
export function assembleModule(functions: Readonly<Record<string, FunctionBuilder>>): WasmModule {
  const entries = Object.entries(functions).map(([name, builder]) => ({ name, ...builder.encode() }));
  const count = unsignedLeb(entries.length);
  const bytes = [
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [...count, ...entries.flatMap((entry) => entry.type)]),
    ...section(2, [1, ...nameOf('env'), ...nameOf('memory'), 0x02, 0x00, 0]),
    ...section(3, [...count, ...entries.flatMap((_, index) => unsignedLeb(index))]),
    ...section(7, [
      ...count,
      ...entries.flatMap(({ name }, index) => [...nameOf(name), 0, ...unsignedLeb(index)]),
    ]),
    ...section(10, [...count, ...entries.flatMap((entry) => entry.code)]),
  ];
  return new webAssembly.Module(new Uint8Array(bytes));
}
