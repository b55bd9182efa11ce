/**
 * Seeded random numbers: xoshiro128** (Blackman & Vigna, 2018) seeded through splitmix32. 32-bit integer
 * arithmetic only, so that every machine gives the same stream.
 */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;
  private spareNormal: number | null = null;

  constructor(seed: number) {
    let state = seed >>> 0;
    const next = (): number => {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    };
    this.a = next();
    this.b = next();
    this.c = next();
    this.d = next() | 1; // never the all-zero state
  }

  /** Uniform integer in [0, 2³²). */
  nextUint32(): number {
    const rotated = Math.imul(this.b, 5);
    const result = Math.imul((rotated << 7) | (rotated >>> 25), 9) >>> 0;
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result;
  }

  /** Uniform in [0, 1) with 53 random bits. */
  next(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** Uniform integer in [0, bound), without modulo bias. bound must be in 1…2³². */
  nextInt(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 4294967296) {
      throw new RangeError(`nextInt needs an integer bound in 1…2³², got ${bound}`);
    }
    const limit = 4294967296 - (4294967296 % bound);
    let value = this.nextUint32();
    while (value >= limit) value = this.nextUint32();
    return value % bound;
  }

  /** Standard normal (polar Box–Muller). */
  nextNormal(): number {
    if (this.spareNormal !== null) {
      const spare = this.spareNormal;
      this.spareNormal = null;
      return spare;
    }
    for (;;) {
      const u = 2 * this.next() - 1;
      const v = 2 * this.next() - 1;
      const s = u * u + v * v;
      if (s > 0 && s < 1) {
        const factor = Math.sqrt((-2 * Math.log(s)) / s);
        this.spareNormal = v * factor;
        return u * factor;
      }
    }
  }

  /** Fisher–Yates in place. */
  shuffle<T extends { length: number; [index: number]: number }>(values: T): T {
    for (let i = values.length - 1; i > 0; i--) {
      const j = this.nextInt(i + 1);
      const held = values[i];
      values[i] = values[j];
      values[j] = held;
    }
    return values;
  }

  /** A generator whose stream is independent of this one's further use. */
  fork(stream: number): Random {
    return new Random((this.a ^ Math.imul(stream + 1, 0x9e3779b1)) >>> 0);
  }
}

/** A draw from a map takes about as long as filling so many places of a list. */
const SPARSE_FROM = 32;

/** `count` distinct integers of [0, n), in random order (all of them when count ≥ n). Fisher–Yates, cut short. */
export function sampleWithoutReplacement(random: Random, n: number, count: number): Int32Array {
  const k = Math.min(n, count);
  const sample = new Int32Array(k);
  if (n >= SPARSE_FROM * k) {
    const exchanged = new Map<number, number>();
    for (let i = 0; i < k; i++) {
      const j = i + random.nextInt(n - i);
      sample[i] = exchanged.get(j) ?? j;
      exchanged.set(j, exchanged.get(i) ?? i);
    }
    return sample;
  }
  const pool = new Int32Array(n);
  for (let i = 0; i < n; i++) pool[i] = i;
  for (let i = 0; i < k; i++) {
    const j = i + random.nextInt(n - i);
    sample[i] = pool[j];
    pool[j] = pool[i];
  }
  return sample;
}
