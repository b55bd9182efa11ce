/* global WebAssembly, structuredClone, DOMException */
/**
 * Values that no caller means well with, and things that a getter does while somebody reads. What it makes is known:
 * `thrown` has every value that its getters and traps threw, so that one that comes out again is no surprise.
 */
export class Hostile {
  constructor(random, binding, collect) {
    this.random = random;
    this.binding = binding;
    this.collect = collect;
    this.thrown = new Set();
    /** Buffers and arrays of the calls under way, for the getters to spoil. */
    this.buffers = [];
    this.arrays = [];
    this.handles = [];
    this.depth = 0;
  }

  /** Something else than what was expected. */
  value() {
    const { random } = this;
    const plain = [
      undefined, null, true, false, NaN, Infinity, -Infinity, -0, -1, 0.5, 1e308, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 63),
      65501, '', 'float32', '__proto__', 'a\0b', '\ud800', 'x'.repeat(70_000), Symbol('s'), 10n, [], {},
      () => 1, class {}, new Date(0), /x/, new Map(), new ArrayBuffer(8), new SharedArrayBuffer(8),
      new DataView(new ArrayBuffer(8)), Object.create(null), new Error('e'), Promise.resolve(1),
    ]; // prettier-ignore
    const made = [
      () => this.typed(random.below(64)),
      () => new Array(2 ** 32 - 1),
      () => new Array(70_000).fill(0),
      () => [, 1, , 2], // eslint-disable-line no-sparse-arrays
      () => Object.assign([1, 2, 3], { length: random.below(100) }),
      () => this.watched({ a: 1 }),
      () => this.proxy({}),
      () => this.proxy([1, 2]),
      () => revoked(),
      () => random.pick(this.handles) ?? {},
      () => this.proxy(random.pick(this.handles) ?? {}),
      () => Object.create(random.pick(this.handles) ?? {}),
      () => detached(random.pick([0, 3, 12, 48])),
    ];
    return random.chance(0.6) ? random.pick(plain) : random.pick(made)();
  }

  /** A typed array of any kind. */
  typed(length) {
    const kinds = [
      Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array,
      Float64Array, BigInt64Array, BigUint64Array,
    ]; // prettier-ignore
    return new (this.random.pick(kinds))(length);
  }

  /**
   * Memory of `bytes` bytes for a typed array, of one of the kinds that JavaScript has.
   * @returns {{ buffer: ArrayBufferLike, offset: number, kind: string }}
   */
  memory(bytes, alignment) {
    const kind = this.random.pick([
      'plain',
      'plain',
      'offset',
      'resizable',
      'shared',
      'growable',
      'wasm',
      'pool',
    ]);
    const offset = alignment * this.random.below(4);
    if (kind === 'resizable') {
      return { buffer: new ArrayBuffer(bytes, { maxByteLength: bytes + 64 }), offset: 0, kind };
    }
    if (kind === 'shared') return { buffer: new SharedArrayBuffer(bytes + offset), offset, kind };
    if (kind === 'growable') {
      return { buffer: new SharedArrayBuffer(bytes, { maxByteLength: bytes + 4096 }), offset: 0, kind };
    }
    if (kind === 'wasm' && bytes <= 65_536) {
      const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
      return { buffer: memory.buffer, offset: 0, kind, memory };
    }
    if (kind === 'pool' && alignment === 1 && bytes <= 2048) {
      const pooled = Buffer.allocUnsafe(bytes);
      return { buffer: pooled.buffer, offset: pooled.byteOffset, kind };
    }
    return {
      buffer: new ArrayBuffer(bytes + (kind === 'offset' ? offset : 0)),
      offset: kind === 'offset' ? offset : 0,
      kind,
    };
  }

  /** The same values as `source` in memory of some kind, which is noted as one to spoil. */
  copyOf(source) {
    const { buffer, offset, kind, memory } = this.memory(source.byteLength, source.BYTES_PER_ELEMENT);
    const copy = new source.constructor(buffer, offset, source.length);
    copy.set(source);
    if (kind !== 'pool') this.buffers.push({ buffer, kind, memory });
    return copy;
  }

  /** Does something to a buffer that somebody may be reading. */
  spoil(target) {
    const { random } = this;
    const { buffer, memory } = target ?? {};
    try {
      if (memory && random.chance(0.7)) memory.grow(1);
      else if (buffer instanceof SharedArrayBuffer) {
        if (buffer.growable)
          buffer.grow(Math.min(buffer.maxByteLength, buffer.byteLength + 1 + random.below(64)));
      } else if (buffer?.resizable && random.chance(0.7)) {
        buffer.resize(random.pick([0, 1, buffer.byteLength >> 1, buffer.maxByteLength]));
      } else if (buffer) {
        if (random.chance(0.3) && buffer.transfer) buffer.transfer(random.below(64));
        else structuredClone(0, { transfer: [buffer] });
      }
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof TypeError || error instanceof DOMException))
        throw error;
    }
    if (random.chance(0.02)) this.collect();
  }

  /** What a getter or trap does before it answers. */
  mischief() {
    const { random } = this;
    if (this.depth > 3) return;
    this.depth += 1;
    try {
      const acts = [
        () => {},
        () => this.spoil(random.pick(this.buffers)),
        () => this.buffers.forEach((buffer) => this.spoil(buffer)),
        () => {
          const array = random.pick(this.arrays);
          if (array) for (let i = 0; i < 2000; i++) array.push(7);
        },
        () => {
          const array = random.pick(this.arrays);
          if (array) array.length = 0;
        },
        () => {
          const array = random.pick(this.arrays);
          if (array) array.splice(0, 1, this.value());
        },
        () => random.chance(0.1) && this.collect(),
        () => {
          this.binding.close(random.pick(this.handles)).catch(() => {});
        },
        () => {
          const image = { widthPx: 2, heightPx: 2, data: new Uint8Array(12) };
          this.binding.preprocess([{ image, box: null }], { ...tinySpec }).catch(() => {});
        },
        () => this.throw(),
      ];
      random.pick(acts)();
    } finally {
      this.depth -= 1;
    }
  }

  throw() {
    const all = {
      has: () => true,
      get: () => this.throw.call(this),
      getOwnPropertyDescriptor: () => this.throw.call(this),
    };
    const kinds = [
      new Error('thrown by a getter'),
      null,
      undefined,
      7,
      'text',
      Symbol('t'),
      new Proxy({}, all),
      new Proxy(() => 1, all),
    ];
    const value = this.depth > 12 ? null : this.random.pick(kinds);
    this.thrown.add(value);
    throw value;
  }

  /** The object with one of its properties behind a getter. */
  watched(object) {
    const keys = Object.keys(object);
    if (keys.length === 0) return object;
    const key = this.random.pick(keys);
    const value = object[key];
    const other = this.random.chance(0.2) ? this.value() : value;
    let reads = 0;
    Object.defineProperty(object, key, {
      enumerable: true,
      configurable: true,
      get: () => {
        this.mischief();
        reads += 1;
        return reads > 1 ? other : value;
      },
    });
    return object;
  }

  proxy(target) {
    const trap =
      (act) =>
      (...given) => {
        this.mischief();
        return act(...given);
      };
    return new Proxy(target, {
      get: trap(Reflect.get),
      has: trap(Reflect.has),
      ownKeys: this.random.chance(0.2) ? trap(() => ['a', 'b', 'a2']) : trap(Reflect.ownKeys),
      getOwnPropertyDescriptor: trap(Reflect.getOwnPropertyDescriptor),
      getPrototypeOf: trap(Reflect.getPrototypeOf),
    });
  }
}

export const tinySpec = {
  widthPx: 4,
  heightPx: 4,
  fit: 'stretch',
  channelOrder: 'rgb',
  interpolation: 'bilinear',
  scale: 1,
  mean: [0, 0, 0],
  std: [1, 1, 1],
  padValue: 0,
};

function revoked() {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

export function detached(bytes) {
  const array = new Uint8Array(bytes);
  structuredClone(0, { transfer: [array.buffer] });
  return array;
}
