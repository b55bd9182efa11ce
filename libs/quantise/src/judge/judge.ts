import type {
  DetectionRows,
  DetectorEngineConfig,
  EmbedderEngineConfig,
  Engine,
  RawRegion,
} from '@hazure/native-engine';

/** What a model is for, and how its images are prepared and its outputs read. */
export type QuantiseSubject =
  | { readonly role: 'detector'; readonly config: Omit<DetectorEngineConfig, 'modelPath' | 'session'> }
  | { readonly role: 'embedder'; readonly config: Omit<EmbedderEngineConfig, 'modelPath' | 'session'> };

/** Agreement of two detectors, as shares of all boxes that either of them found. */
export interface BoxAgreement {
  readonly kind: 'boxes';
  /** 1 − `at50`. */
  readonly loss: number;
  readonly at50: number;
  readonly at90: number;
  readonly boxes: number;
}

/** Cosine between the vectors of two embedders. */
export interface VectorAgreement {
  readonly kind: 'vectors';
  /** 1 − `mean`. */
  readonly loss: number;
  readonly mean: number;
  readonly least: number;
  readonly vectors: number;
}
export type Agreement = BoxAgreement | VectorAgreement;

/** Asked for anew for each pass, so that no pass holds all pixels. */
export type Regions = () => AsyncIterable<RawRegion>;

/** Boxes that count, and how much less sure the other model may be of the same box: no verdict hangs on a hair. */
const CONFIDENCE = 0.25;
const TOLERANCE = 0.1;

/** Compares quantised models with the float one on images, through the real preprocessing and decoding. */
export class Judge {
  #reference: Promise<(DetectionRows | Float32Array)[]> | null = null;

  constructor(
    private readonly engine: Engine,
    private readonly subject: QuantiseSubject,
    private readonly regions: Regions,
    private readonly referencePath: string,
  ) {}

  /** @param path the model to compare with the reference */
  async agreement(path: string): Promise<Agreement> {
    this.#reference ??= this.#answers(this.referencePath);
    const exact = await this.#reference;
    const rounded = await this.#answers(path);
    return this.subject.role === 'detector' ? boxAgreement(exact, rounded) : vectorAgreement(exact, rounded);
  }

  async #answers(modelPath: string): Promise<(DetectionRows | Float32Array)[]> {
    const session = { device: 'cpu' } as const;
    const answers: Float32Array[] = [];
    if (this.subject.role === 'embedder') {
      const embedder = await this.engine.loadEmbedder({ ...this.subject.config, modelPath, session });
      try {
        for await (const region of this.regions()) answers.push(await embedder.embed([region]));
      } finally {
        await embedder.close();
      }
      return answers;
    }
    const detector = await this.engine.loadDetector({ ...this.subject.config, modelPath, session });
    try {
      const options = { confidence: CONFIDENCE - TOLERANCE, iou: 0.5, maxDetections: 300 };
      for await (const { image } of this.regions())
        answers.push(...(await detector.detect([image], options)));
    } finally {
      await detector.close();
    }
    return answers;
  }
}

export function vectorAgreement(
  exact: readonly Float32Array[],
  rounded: readonly Float32Array[],
): VectorAgreement {
  const cosines = exact.map((vector, i) => cosine(vector, rounded[i]!));
  const mean = cosines.reduce((sum, value) => sum + value, 0) / Math.max(1, cosines.length);
  return { kind: 'vectors', loss: 1 - mean, mean, least: Math.min(...cosines), vectors: cosines.length };
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
  }
  if (aa === 0 && bb === 0) return 1;
  return aa === 0 || bb === 0 ? 0 : dot / Math.sqrt(aa * bb);
}

/**
 * Boxes of confidence 0.25 or more in either list count; one is agreed on when the other list has a box of the same class
 * at IoU 0.5 (0.9), at most 0.1 less sure. Each box answers for one, the surest first.
 */
export function boxAgreement(
  exact: readonly DetectionRows[],
  rounded: readonly DetectionRows[],
): BoxAgreement {
  let boxes = 0;
  const agreed = { at50: 0, at90: 0 };
  exact.forEach((rows, i) => {
    const others = rounded[i]!;
    for (const [from, to] of [
      [rows, others],
      [others, rows],
    ] as const) {
      boxes += counted(from).length;
      agreed.at50 += matches(from, to, 0.5);
      agreed.at90 += matches(from, to, 0.9);
    }
  });
  const share = (count: number): number => (boxes === 0 ? 1 : count / boxes);
  return {
    kind: 'boxes',
    loss: 1 - share(agreed.at50),
    at50: share(agreed.at50),
    at90: share(agreed.at90),
    boxes,
  };
}

const COLUMNS = 6;
const rowsOf = (rows: DetectionRows): Float32Array[] =>
  Array.from({ length: rows.length / COLUMNS }, (_, i) => rows.subarray(i * COLUMNS, (i + 1) * COLUMNS));
const counted = (rows: DetectionRows): Float32Array[] => rowsOf(rows).filter((row) => row[4]! >= CONFIDENCE);

function matches(from: DetectionRows, to: DetectionRows, threshold: number): number {
  const free = new Set(rowsOf(to));
  let found = 0;
  for (const row of counted(from)) {
    let best: Float32Array | null = null;
    let highest = threshold;
    for (const other of free) {
      const overlap = other[5] === row[5] ? iou(row, other) : 0;
      if (overlap >= highest) [best, highest] = [other, overlap];
    }
    if (!best) continue;
    free.delete(best);
    found++;
  }
  return found;
}

function iou(a: Float32Array, b: Float32Array): number {
  const width = Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!);
  const height = Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!);
  if (width <= 0 || height <= 0) return 0;
  const area = (row: Float32Array): number => (row[2]! - row[0]!) * (row[3]! - row[1]!);
  return (width * height) / (area(a) + area(b) - width * height);
}
