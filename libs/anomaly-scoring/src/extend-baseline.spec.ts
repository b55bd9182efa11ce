import { Random, rankingMetrics, selectRows } from '@hazure/numerics';
import type { EmbeddingMatrix } from '@hazure/contracts';
import { extendBaseline, joinRows } from './extend-baseline.js';
import { fitBaseline } from './fit-baseline.js';

const COLS = 8;
const random = new Random(21);
const cloud = (rows: number, at: readonly number[] = []): EmbeddingMatrix => ({
  data: Float32Array.from({ length: rows * COLS }, (_, i) => random.nextNormal() + (at[i % COLS] ?? 0)),
  rows,
  cols: COLS,
});
const shape = { scorers: ['ensemble'], seed: 3 };

describe('extending a baseline', () => {
  const old = { features: cloud(160), groups: Array.from({ length: 160 }, (_, row) => row >> 1) };
  const added = { features: cloud(20, [6]), groups: Array.from({ length: 20 }, (_, row) => row) };

  test('equals learning the same rows from scratch', async () => {
    const extended = await extendBaseline({ old, added, ...shape });
    const features = {
      ...cloud(0),
      rows: 180,
      data: Float32Array.from([...old.features.data, ...added.features.data]),
    };
    const groups = [...old.groups, ...added.groups.map((group) => 80 + group)];
    const scratch = await fitBaseline({ features, groups, ...shape });
    expect(JSON.stringify(extended)).toBe(JSON.stringify(scratch));
    expect(extended.features).toEqual(features);
  });

  test('accepted false alarms and their like are no longer flagged, true outliers still are', async () => {
    const before = await fitBaseline({ ...old, ...shape });
    const after = await extendBaseline({ old, added, ...shape });
    const like = cloud(40, [6]);
    const [normal, odd] = [cloud(200), cloud(200, [0, 0, 5, 0, 0, 5])];
    const share = (flags: Uint8Array): number => flags.reduce((sum, flag) => sum + flag, 0) / flags.length;
    expect(share((await before.score(added.features)).outlier)).toBeGreaterThan(0.9);
    expect(share((await after.score(added.features)).outlier)).toBeLessThanOrEqual(0.1);
    expect(share((await after.score(like)).outlier)).toBeLessThanOrEqual(0.15);
    const auroc = async (baseline: typeof before): Promise<number> => {
      const scores = [
        ...(await baseline.score(normal)).scores.ensemble,
        ...(await baseline.score(odd)).scores.ensemble,
      ];
      return rankingMetrics(
        scores.map((_, i) => (i < 200 ? 0 : 1)),
        scores,
      ).auroc;
    };
    expect(await auroc(after)).toBeGreaterThan((await auroc(before)) - 0.01);
  });

  test('old and added rows must be described alike', () => {
    expect(() => joinRows({ ...old, classes: new Array<string>(160).fill('a') }, added)).toThrow('of both');
    expect(() =>
      joinRows(old, { features: { ...selectRows(added.features, [0]), cols: 4, data: new Float32Array(4) } }),
    ).toThrow('columns');
  });
});
