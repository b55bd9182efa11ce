/** Disjoint sets of 0…n − 1, with path halving and union by size (Tarjan 1975). */
export class UnionFind {
  private readonly parent: Int32Array;
  private readonly sizes: Int32Array;

  constructor(n: number) {
    this.parent = Int32Array.from({ length: n }, (_, i) => i);
    this.sizes = new Int32Array(n).fill(1);
  }

  find(item: number): number {
    const { parent } = this;
    while (parent[item] !== item) {
      parent[item] = parent[parent[item]];
      item = parent[item];
    }
    return item;
  }

  union(a: number, b: number): void {
    let [large, small] = [this.find(a), this.find(b)];
    if (large === small) return;
    if (this.sizes[large] < this.sizes[small]) [large, small] = [small, large];
    this.parent[small] = large;
    this.sizes[large] += this.sizes[small];
  }

  sizeOf(item: number): number {
    return this.sizes[this.find(item)];
  }

  /** Set of each item, numbered from 0 in the order in which sets first appear. */
  labels(): Int32Array {
    return relabel(Int32Array.from(this.parent, (_, i) => this.find(i)));
  }
}

/** Any labels, numbered anew from 0 in the order in which they first appear. */
export function relabel(labels: ArrayLike<number | string>): Int32Array {
  const known = new Map<number | string, number>();
  return Int32Array.from({ length: labels.length }, (_, i) => {
    const label = known.get(labels[i]) ?? known.size;
    known.set(labels[i], label);
    return label;
  });
}
