import { plotSweep } from '@hazure/report';
import { table } from './table.js';
import type { EndToEnd } from './end-to-end.js';
import type { BenchPoint, Recommendation } from './recommend.js';

const MIB = 2 ** 20;
const fixed = (value: number | null, digits: number): string =>
  value === null ? 'no memory' : value.toFixed(digits);

/** What a person reads. */
export function renderBench(
  points: readonly BenchPoint[],
  endToEnd: EndToEnd,
  recommendation: Recommendation | null,
  skipped: readonly string[],
): string {
  const rows = points.map((point) => [
    point.model,
    point.device,
    point.precision,
    point.threads === 0 ? 'all' : String(point.threads),
    String(point.batchSize),
    fixed(point.imagesPerSecond, 1),
    fixed(point.p50Ms, 1),
    fixed(point.p95Ms, 1),
    `${Math.round(point.memoryBytes / MIB)} MiB`,
  ]);
  const stages = endToEnd.stages.map(({ stage, seconds, items, unit }) => [
    stage,
    `${items} ${unit}`,
    seconds.toFixed(2),
    seconds > 0 ? (items / seconds).toFixed(1) : '-',
  ]);
  return [
    table([
      ['model', 'device', 'precision', 'threads', 'batch', 'items/s', 'p50 ms', 'p95 ms', 'memory'],
      ...rows,
    ]),
    ...skipped.map((reason) => `left out: ${reason}`),
    '',
    table([['stage', 'items', 'busy s', 'per s'], ...stages]),
    '(stages overlap, so their times may add up to more than the total)',
    '',
    `whole pipeline:   ${endToEnd.imagesPerSecond.toFixed(1)} images/s over ${endToEnd.images} images with ${endToEnd.objects} objects`,
    `inference alone:  ${endToEnd.inferenceOnlyImagesPerSecond.toFixed(1)} images/s`,
    `efficiency:       ${endToEnd.efficiency.toFixed(2)}`,
    '',
    ...(recommendation === null
      ? ['Nothing fitted into memory: use smaller models or batch sizes.']
      : [
          `recommended:      ${recommendation.flags}`,
          ...Object.entries(recommendation.knees).map(
            ([model, knee]) => `                  ${model}: from batch ${knee} on it gains less than 5%`,
          ),
        ]),
  ].join('\n');
}

/** Rates over batch sizes as shares of each model's best, so that fast and slow models fit on one plot. */
export function plotBench(points: readonly BenchPoint[], recommendation: Recommendation | null): Buffer {
  const nameOf = ({ model, device, precision, threads }: BenchPoint): string =>
    `${model}, ${device} ${precision}${threads === 0 ? '' : `, ${threads} threads`}`;
  const names = [...new Set(points.map(nameOf))];
  const series = names.map((name) => {
    const own = points.filter((point) => nameOf(point) === name);
    const best = Math.max(...own.map(({ imagesPerSecond }) => imagesPerSecond ?? 0));
    return {
      name: `${name} (best ${best.toFixed(1)}/s)`,
      points: own.map(({ batchSize, imagesPerSecond }) => ({
        x: batchSize,
        y: imagesPerSecond === null || best === 0 ? null : (100 * imagesPerSecond) / best,
      })),
    };
  });
  return plotSweep({
    title: 'Throughput over batch sizes',
    subtitle: 'items a second, in percent of the best of each line',
    xLabel: 'batch size',
    yLabel: '% of best',
    series,
    ...(recommendation === null ? {} : { recommended: recommendation.batchSize }),
  });
}
