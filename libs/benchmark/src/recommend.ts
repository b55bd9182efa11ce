import type { SweepPoint } from './sweep.js';

export interface BenchPoint extends SweepPoint {
  /** Name of the model. */
  readonly model: string;
  readonly role: 'detector' | 'embedder';
  /** Where it ran: cpu, cuda or tensorrt. */
  readonly device: string;
  readonly precision: string;
  /** Cores on the CPU; 0 = all. */
  readonly threads: number;
  readonly streams: number;
}

export interface Recommendation {
  readonly batchSize: number;
  readonly device: string;
  readonly precision: string;
  readonly threads: number;
  /** Smallest batch of each model that comes within 5% of its best: larger ones only cost memory and latency. */
  readonly knees: Readonly<Record<string, number>>;
  /** Images a second that inference at this setting allows, one model after the other. */
  readonly imagesPerSecond: number;
  readonly flags: string;
}

/** A batch this near to the best is as good as the best. */
const KNEE = 0.95;

const settingOf = ({ device, precision, threads }: BenchPoint): string => `${device} ${precision} ${threads}`;
const works = (point: BenchPoint): point is BenchPoint & { imagesPerSecond: number } =>
  point.imagesPerSecond !== null;

/** Smallest batch within 5% of the best. @param points of one model in one setting, at least one of which works */
export function kneeOf(points: readonly BenchPoint[]): number {
  const working = points.filter(works);
  const best = Math.max(...working.map(({ imagesPerSecond }) => imagesPerSecond));
  return Math.min(
    ...working.filter((p) => p.imagesPerSecond >= KNEE * best).map(({ batchSize }) => batchSize),
  );
}

/**
 * The setting and batch size to use. Of the settings the one whose inference takes an image, with its objects, through
 * both models the soonest. In it the smallest batch that is within 5% of the best for either model, or, where none is
 * for both, the one with the best rate together.
 *
 * @param objectsPerImage how often the embedder runs for one run of the detector
 * @returns null when nothing worked
 */
export function recommend(points: readonly BenchPoint[], objectsPerImage: number): Recommendation | null {
  const settings = [...new Set(points.map(settingOf))];
  let chosen: Recommendation | null = null;
  for (const setting of settings) {
    const inSetting = points.filter((point) => settingOf(point) === setting);
    const models = [...new Set(inSetting.map(({ model }) => model))].map((model) =>
      inSetting.filter((point) => point.model === model && works(point)),
    );
    if (models.some((model) => model.length === 0)) continue;
    const sizes = [...new Set(inSetting.map(({ batchSize }) => batchSize))]
      .sort((a, b) => a - b)
      .filter((size) => models.every((model) => model.some(({ batchSize }) => batchSize === size)));
    const rateOf = (model: readonly BenchPoint[], size: number): number =>
      model.find(({ batchSize }) => batchSize === size)?.imagesPerSecond as number;
    const together = (size: number): number =>
      1 /
      models.reduce(
        (sum, model) => sum + (model[0].role === 'embedder' ? objectsPerImage : 1) / rateOf(model, size),
        0,
      );
    const nearBest = sizes.filter((size) =>
      models.every(
        (model) => rateOf(model, size) >= KNEE * Math.max(...model.map((p) => p.imagesPerSecond as number)),
      ),
    );
    const bestTogether = sizes.reduce((a, b) => (together(b) > together(a) ? b : a));
    const batchSize = nearBest[0] ?? bestTogether;
    const { device, precision, threads } = inSetting[0];
    const imagesPerSecond = together(batchSize);
    if (chosen !== null && chosen.imagesPerSecond >= imagesPerSecond) continue;
    chosen = {
      batchSize,
      device,
      precision,
      threads,
      knees: Object.fromEntries(models.map((model) => [model[0].model, kneeOf(model)])),
      imagesPerSecond,
      flags: [
        `--batch-size ${batchSize} --device ${device}`,
        ...(device === 'cpu' && precision !== 'int8' ? [] : [`--precision ${precision}`]),
        ...(threads > 0 ? [`--threads ${threads}`] : []),
      ].join(' '),
    };
  }
  return chosen;
}
