import type { EmbeddingMatrix } from '@hazure/contracts';
import { unitRows } from '@hazure/numerics';
import { z } from 'zod';
import { decodeFloat64, encodeFloats, floatArraySchema } from './float-array-json.js';

export const classCentringSchema = z.strictObject({
  unitRows: z.boolean(),
  dimensions: z.int().min(1).max(65_536),
  means: z.record(z.string(), floatArraySchema),
});
export type ClassCentringJSON = z.infer<typeof classCentringSchema>;

/** Takes each row's class mean away from it, optionally after dividing rows by their norm. */
export class ClassCentring {
  private constructor(
    private readonly means: ReadonlyMap<string, Float64Array>,
    private readonly unit: boolean,
    readonly dimensions: number,
  ) {}

  static fit(x: EmbeddingMatrix, classes: readonly string[], unit: boolean): ClassCentring {
    const rows = unit ? unitRows(x) : x;
    const means = new Map<string, Float64Array>();
    const counts = new Map<string, number>();
    classes.forEach((name, i) => {
      const sum = means.get(name) ?? new Float64Array(x.cols);
      for (let j = 0; j < x.cols; j++) sum[j] += rows.data[i * x.cols + j];
      means.set(name, sum);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    });
    for (const [name, sum] of means) {
      const count = counts.get(name) as number;
      for (let j = 0; j < sum.length; j++) sum[j] /= count;
    }
    return new ClassCentring(means, unit, x.cols);
  }

  knows(name: string): boolean {
    return this.means.has(name);
  }

  /** Every class must be known. */
  apply(x: EmbeddingMatrix, classes: readonly string[]): EmbeddingMatrix {
    const rows = this.unit ? unitRows(x) : x;
    const data = new Float32Array(rows.data.length);
    for (let i = 0; i < x.rows; i++) {
      const mean = this.means.get(classes[i]);
      if (mean === undefined) throw new RangeError(`no mean of class '${classes[i]}'`);
      for (let j = 0; j < x.cols; j++) data[i * x.cols + j] = rows.data[i * x.cols + j] - mean[j];
    }
    return { data, rows: x.rows, cols: x.cols };
  }

  toJSON(): ClassCentringJSON {
    return {
      unitRows: this.unit,
      dimensions: this.dimensions,
      means: Object.fromEntries([...this.means].map(([name, mean]) => [name, encodeFloats(mean)])),
    };
  }

  static fromJSON(json: ClassCentringJSON): ClassCentring {
    const means = new Map(
      Object.entries(json.means).map(([name, mean]) => [
        name,
        decodeFloat64(mean, json.dimensions, `mean of class '${name}'`),
      ]),
    );
    return new ClassCentring(means, json.unitRows, json.dimensions);
  }
}
