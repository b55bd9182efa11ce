/** mulberry32: the same seed, the same arguments. */
export class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }
  /** 0…1, 1 excluded. */
  unit() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }
  below(count) {
    return Math.floor(this.unit() * count);
  }
  chance(share) {
    return this.unit() < share;
  }
  pick(list) {
    return list[this.below(list.length)];
  }
}
