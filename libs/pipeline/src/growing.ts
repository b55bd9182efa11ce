/** A typed list that grows by doubling: millions of numbers without an object each. */
export class GrowingFloats {
  private data = new Float64Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.data.length) {
      const larger = new Float64Array(2 * this.length);
      larger.set(this.data);
      this.data = larger;
    }
    this.data[this.length++] = value;
  }

  /** A view of what was pushed. */
  get values(): Float64Array {
    return this.data.subarray(0, this.length);
  }
}

/** The same for whole numbers. */
export class GrowingInts {
  private data = new Int32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.data.length) {
      const larger = new Int32Array(2 * this.length);
      larger.set(this.data);
      this.data = larger;
    }
    this.data[this.length++] = value;
  }

  get values(): Int32Array {
    return this.data.subarray(0, this.length);
  }
}
