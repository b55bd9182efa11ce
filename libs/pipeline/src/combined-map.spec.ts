import type { EmbeddingMatrix, PhaseOptions } from '@hazure/contracts';
import { Random } from '@hazure/numerics';
import { combinedMap, rowReader } from './combined-map.js';
import { mapFromJson, mapRows, mapToJson, takeRows } from './map.js';
import type { BaselineMap } from './records.js';

const CLASSES = 3;

/** Row i belongs to class i % 3. */
function embeddings(rows: number, seed: number): EmbeddingMatrix {
  const centres = new Random(1);
  const centre = Float32Array.from({ length: CLASSES * 8 }, () => 5 * centres.nextNormal());
  const random = new Random(seed);
  const data = Float32Array.from(
    { length: rows * 8 },
    (_, at) => centre[((at >> 3) % CLASSES) * 8 + (at & 7)] + random.nextNormal(),
  );
  return { data, rows, cols: 8 };
}

const baseline = embeddings(120, 2);
const fresh = embeddings(30, 3);
const { signal } = new AbortController();

function request(map: BaselineMap) {
  const warnings: string[] = [];
  const silent = (): void => undefined;
  return {
    warnings,
    baseline: { embeddings: baseline, map },
    options: { seed: 42 } as PhaseOptions,
    signal,
    logger: { debug: silent, info: silent, error: silent, warn: (text: string) => warnings.push(text) },
    progress: { update: silent, finish: silent },
  };
}

async function learnedMap(): Promise<BaselineMap> {
  const rows = Int32Array.from({ length: 100 }, (_, i) => i + 7);
  const map = await mapRows(baseline, rows, { seed: 42, signal, onProgress: () => undefined });
  return { map: mapFromJson(JSON.parse(JSON.stringify(mapToJson(map))), baseline.rows), reason: null };
}

/** Share of the new points whose nearest baseline point is of their class. */
function ownClass({ baselineRows, newRows, xy }: Awaited<ReturnType<typeof combinedMap>>): number {
  let own = 0;
  newRows.forEach((row, i) => {
    const at = 2 * (baselineRows.length + i);
    const distances = Array.from(
      baselineRows,
      (_, j) => (xy[at] - xy[2 * j]) ** 2 + (xy[at + 1] - xy[2 * j + 1]) ** 2,
    );
    const nearest = baselineRows[distances.indexOf(Math.min(...distances))];
    if (nearest % CLASSES === row % CLASSES) own++;
  });
  return own / newRows.length;
}

test("new objects land among their class on the baseline's map, which does not move", async () => {
  const map = await learnedMap();
  const asked = request(map);
  const combined = await combinedMap(asked, rowReader(fresh), []);
  expect(combined.baselineRows).toEqual(map.map?.rows);
  expect(combined.xy.subarray(0, 200)).toEqual(map.map?.xy);
  expect(combined.xy).toHaveLength(2 * (100 + fresh.rows));
  expect(ownClass(combined)).toBeGreaterThan(0.95);
  expect(combined.parameters).toMatchObject({ how: 'placement', seed: 42, baselineMap: map.map?.parameters });
  expect(asked.warnings).toEqual([]);
});

test('where an object lands does not hang on which others come with it', async () => {
  const map = await learnedMap();
  const all = await combinedMap(request(map), rowReader(fresh), []);
  const one = await combinedMap(request(map), rowReader(takeRows(fresh, [17])), []);
  expect([...one.xy.subarray(200)]).toEqual([...all.xy.subarray(200 + 34, 200 + 36)]);
});

test('no new objects leave the map as it is', async () => {
  const map = await learnedMap();
  const combined = await combinedMap(
    request(map),
    rowReader({ data: new Float32Array(0), rows: 0, cols: 0 }),
    [],
  );
  expect(combined.xy).toEqual(map.map?.xy);
  expect(combined.newRows).toHaveLength(0);
});

test('without a usable map both get a new one, and the reason is logged and kept', async () => {
  const asked = request({ map: null, reason: 'the baseline has no tsne_map.json' });
  const combined = await combinedMap(asked, rowReader(fresh), []);
  expect(asked.warnings).toEqual([expect.stringContaining('the baseline has no tsne_map.json')]);
  expect(combined.parameters).toMatchObject({ how: 'joint', reason: 'the baseline has no tsne_map.json' });
  expect(combined.baselineRows).toHaveLength(baseline.rows);
  expect(ownClass(combined)).toBeGreaterThan(0.95);
});

test('a map file with a row that the baseline lacks is refused', async () => {
  const { map } = await learnedMap();
  expect(() => mapFromJson({ ...mapToJson(map!), points: [[120, 0, 0]] }, baseline.rows)).toThrow(
    /row 120 where the baseline has 120/,
  );
});
