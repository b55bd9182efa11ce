import type { EmbeddingMatrix } from '@hazure/contracts';
import { blockSums, cholesky, plainAccelerator, Random, rankingMetrics } from '@hazure/numerics';
import fc from 'fast-check';
import { bankDistances, CellReservoir, greedyCentres, joinBanks } from './patch-bank.js';
import { fitPatchGaussian, gaussianDistances } from './patch-gaussian.js';
import { fromPatchFiles, toPatchFiles } from './patch-json.js';
import type { PatchArray } from './patch-json.js';
import { channelsLast, joinLayers, neighbourhoodMeans, projectionFactor, projectMaps } from './patch-maps.js';
import type { PatchMaps } from './patch-maps.js';
import { PatchMoments } from './patch-moments.js';
import { heatOf, poolMaps, regionsAbove } from './patch-regions.js';
import { fitPatch, PatchFitter, selectMaps } from './patch-scorer.js';
import type { MapStream, PatchMember } from './patch-scorer.js';

const accelerator = plainAccelerator(1);
const ALL: readonly PatchMember[] = ['position', 'shared', 'free', 'bank'];

/** Maps whose cells have a mean of their position; channel 1 goes with channel 0. */
function normalMaps(count: number, seed: number, shape = { height: 3, width: 4, channels: 5 }): PatchMaps {
  const { height, width, channels } = shape;
  const random = new Random(seed);
  const data = new Float32Array(count * height * width * channels);
  for (let at = 0; at < data.length; at += channels) {
    const cell = (at / channels) % (height * width);
    for (let c = 0; c < channels; c++) data[at + c] = 3 * Math.sin(cell * (c + 2)) + random.nextNormal();
    data[at + 1] += 0.8 * data[at];
  }
  return { data, count, ...shape };
}

function streamOfMaps(maps: PatchMaps, block: number): MapStream {
  return {
    ...maps,
    async *[Symbol.asyncIterator]() {
      for (let from = 0; from < maps.count; from += block) {
        const length = Math.min(block, maps.count - from);
        yield selectMaps(
          maps,
          Array.from({ length }, (_, i) => from + i),
        );
      }
    },
  };
}

const positionRows = (maps: PatchMaps, position: number): EmbeddingMatrix => {
  const { count, height, width, channels } = maps;
  const data = new Float32Array(count * channels);
  for (let map = 0; map < count; map++) {
    const from = (map * height * width + position) * channels;
    data.set(maps.data.subarray(from, from + channels), map * channels);
  }
  return { data, rows: count, cols: channels };
};

function momentsOf(maps: PatchMaps): PatchMoments {
  const moments = new PatchMoments(maps, new Float64Array(maps.channels).fill(0.5));
  for (let map = 0; map < maps.count; map++) moments.add(maps, map);
  return moments;
}

/** d² by solving with the Cholesky factor of a covariance that was added up plainly. */
function plainDistance(y: number[], covariance: number[][]): number {
  const d = y.length;
  const factor = cholesky(Float64Array.from(covariance.flat()), d)!;
  const z: number[] = [];
  for (let i = 0; i < d; i++) {
    let value = y[i];
    for (let j = 0; j < i; j++) value -= factor[i * d + j] * z[j];
    z.push(value / factor[i * d + i]);
  }
  return z.reduce((sum, value) => sum + value * value, 0);
}

describe('moments', () => {
  test('of each position are those of its rows, and of all cells their sum', () => {
    const maps = normalMaps(9, 1);
    const moments = momentsOf(maps);
    for (const position of [0, 7, 11]) {
      const expected = blockSums(positionRows(maps, position), moments.origin);
      const got = moments.at(position);
      expect(got.count).toBe(expected.count);
      expect(got.fourth).toBeCloseTo(expected.fourth, 6);
      got.second.forEach((value, i) => expect(value).toBeCloseTo(expected.second[i], 8));
      got.third.forEach((value, i) => expect(value).toBeCloseTo(expected.third[i], 6));
    }
    const all = blockSums({ data: maps.data, rows: 9 * 12, cols: 5 }, moments.origin);
    moments.overall().second.forEach((value, i) => expect(value).toBeCloseTo(all.second[i], 6));
  });

  test('of all less those of a fold are those of the rest', () => {
    const maps = normalMaps(12, 2);
    const [inside, outside] = [
      [1, 4, 5],
      [0, 2, 3, 6, 7, 8, 9, 10, 11],
    ];
    const rest = momentsOf(maps).combine(momentsOf(selectMaps(maps, inside)), -1);
    const expected = momentsOf(selectMaps(maps, outside));
    expect(rest.count).toBe(9);
    rest.second.forEach((value, i) => expect(value).toBeCloseTo(expected.second[i], 9));
  });

  test('too many cells and channels are refused before memory is taken', () => {
    expect(() => new PatchMoments({ height: 500, width: 500, channels: 512 }, new Float64Array(512))).toThrow(
      '252444 MiB',
    );
  });
});

describe('Gaussians', () => {
  const maps = normalMaps(30, 3);
  const d = maps.channels;
  const means = Array.from({ length: 12 }, (_, p) => {
    const { data } = positionRows(maps, p);
    return Array.from(
      { length: d },
      (_, c) => data.filter((_, i) => i % d === c).reduce((a, b) => a + b) / 30,
    );
  });
  const scatters = means.map((mean, p) => {
    const { data } = positionRows(maps, p);
    const of = (i: number, j: number): number => {
      let sum = 0;
      for (let r = 0; r < 30; r++) sum += (data[r * d + i] - mean[i]) * (data[r * d + j] - mean[j]);
      return sum;
    };
    return mean.map((_, i) => mean.map((_, j) => of(i, j)));
  });
  const within = means[0].map((_, i) =>
    means[0].map((_, j) => scatters.reduce((sum, scatter) => sum + scatter[i][j], 0) / (12 * 29)),
  );
  const trace = within.reduce((sum, row, i) => sum + row[i], 0);
  const common = within.map((row, i) => row.map((value, j) => value + (i === j ? (1e-3 * trace) / d : 0)));
  const judged = normalMaps(2, 4);
  const rowAt = (map: number, p: number): number[] => [
    ...judged.data.subarray((map * 12 + p) * d, (map * 12 + p + 1) * d),
  ];

  test("shared: distance to the position's mean under the covariance within positions", async () => {
    const got = await gaussianDistances(fitPatchGaussian(momentsOf(maps), 'shared'), judged, accelerator);
    for (const [map, p] of [
      [0, 0],
      [1, 5],
      [1, 11],
    ]) {
      const y = rowAt(map, p).map((value, i) => value - means[p][i]);
      expect(got[map * 12 + p]).toBeCloseTo(plainDistance(y, common), 6);
    }
  });

  test('position: its own covariance, drawn towards the common one', async () => {
    const got = await gaussianDistances(fitPatchGaussian(momentsOf(maps), 'position'), judged, accelerator);
    for (const [map, p] of [
      [0, 2],
      [1, 9],
    ]) {
      const own = common.map((row, i) => row.map((value, j) => (scatters[p][i][j] + d * value) / (29 + d)));
      const y = rowAt(map, p).map((value, i) => value - means[p][i]);
      expect(got[map * 12 + p]).toBeCloseTo(plainDistance(y, own), 6);
    }
  });

  test('free: the same wherever the cells lie', async () => {
    const model = fitPatchGaussian(momentsOf(maps), 'free');
    const got = await gaussianDistances(model, judged, accelerator);
    const turned = { ...judged, data: judged.data.slice() };
    for (let cell = 0; cell < 24; cell++)
      turned.data.set(rowAt(cell < 12 ? 0 : 1, 11 - (cell % 12)), cell * d);
    const other = await gaussianDistances(model, turned, accelerator);
    for (let p = 0; p < 12; p++) expect(other[p]).toBeCloseTo(got[11 - p], 9);
  });

  test('maps that never vary are fitted, and a difference is far', async () => {
    const still = { ...maps, data: maps.data.map((_, i) => i % d) };
    for (const form of ['position', 'shared', 'free'] as const) {
      const model = fitPatchGaussian(momentsOf(still), form);
      const moved = {
        ...selectMaps(still, [0]),
        data: selectMaps(still, [0]).data.map((value) => value + 1),
      };
      const [same, far] = [
        await gaussianDistances(model, selectMaps(still, [0]), accelerator),
        await gaussianDistances(model, moved, accelerator),
      ];
      expect(Math.max(...same)).toBeLessThan(1e-6);
      expect(Math.min(...far)).toBeGreaterThan(1);
    }
  });
});

describe('bank', () => {
  test('greedy centres leave no row farther than twice the best choice, and stop at duplicates', () => {
    const line = { data: Float32Array.of(0, 1, 2, 10, 11, 12, 20, 21, 22), rows: 9, cols: 1 };
    expect([...greedyCentres(line, 3)].sort((a, b) => a - b)).toEqual([0, 4, 8]);
    expect(greedyCentres({ data: new Float32Array(12).fill(4), rows: 12, cols: 1 }, 5)).toEqual([0]);
  });

  test('a reservoir keeps each cell with the same probability', () => {
    const counts = new Float64Array(40);
    const data = Float32Array.from({ length: 40 }, (_, i) => i);
    for (let seed = 0; seed < 400; seed++) {
      const reservoir = new CellReservoir(10, 1, seed);
      for (let map = 0; map < 10; map++)
        reservoir.add({ data, count: 10, height: 2, width: 2, channels: 1 }, map);
      for (const value of reservoir.rows().data) counts[value]++;
    }
    for (const count of counts) expect(Math.abs(count - 100)).toBeLessThan(4.5 * Math.sqrt(75));
  });

  test('distance is to the nearest kept cell, over the scale', async () => {
    const bank = joinBanks([{ data: Float32Array.of(0, 0, 3, 4), rows: 2, cols: 2 }], 2);
    const maps = { data: Float32Array.of(0, 1, 3, 6), count: 1, height: 1, width: 2, channels: 2 };
    expect([...(await bankDistances(bank, maps, accelerator))]).toEqual([0.5, 2]);
  });
});

describe('maps', () => {
  test('channels come last', () => {
    const turned = channelsLast(Float32Array.of(1, 2, 3, 4, 5, 6), 1, { channels: 2, height: 1, width: 3 });
    expect([...turned.data]).toEqual([1, 4, 2, 5, 3, 6]);
  });

  test('joined layers keep constants, and linear ramps away from the edges', () => {
    const ramp = {
      data: Float32Array.from({ length: 16 }, (_, i) => i % 4),
      count: 1,
      height: 4,
      width: 4,
      channels: 1,
    };
    const flat = { data: new Float32Array(4).fill(7), count: 1, height: 2, width: 2, channels: 1 };
    const { data, channels } = joinLayers([ramp, flat], { height: 8, width: 8 });
    expect(channels).toBe(2);
    for (let cell = 0; cell < 64; cell++) {
      expect(data[cell * 2 + 1]).toBeCloseTo(7, 5);
      const x = cell % 8;
      if (x > 0 && x < 7) expect(data[cell * 2]).toBeCloseTo((x + 0.5) / 2 - 0.5, 5);
    }
  });

  test('a neighbourhood of equal cells is that cell; its weights are those cells alone that exist', () => {
    const maps = { data: Float32Array.of(9, 0, 0, 0, 0, 0), count: 1, height: 2, width: 3, channels: 1 };
    const expected = [9 / 4, 9 / 6, 0, 9 / 4, 9 / 6, 0];
    neighbourhoodMeans(maps).data.forEach((value, i) => expect(value).toBeCloseTo(expected[i], 6));
  });

  test('a projection is orthonormal, seeded, and left out where it would not reduce', async () => {
    const factor = projectionFactor({ from: 20, to: 6, seed: 7 })!;
    expect(projectionFactor({ from: 20, to: 6, seed: 7 })).toEqual(factor);
    expect(projectionFactor({ from: 20, to: 20, seed: 7 })).toBeNull();
    for (let i = 0; i < 6; i++) {
      for (let k = 0; k <= i; k++) {
        let product = 0;
        for (let j = 0; j < 20; j++) product += factor[i * 20 + j] * factor[k * 20 + j];
        expect(product).toBeCloseTo(i === k ? 1 : 0, 12);
      }
    }
    const maps = normalMaps(2, 9, { height: 2, width: 2, channels: 20 });
    const { data, channels } = await projectMaps(maps, factor, accelerator);
    expect(channels).toBe(6);
    let expected = 0;
    for (let j = 0; j < 20; j++) expected += factor[20 + j] * maps.data[60 + j];
    expect(data[3 * 6 + 1]).toBeCloseTo(expected, 5);
  });
});

describe('pooling and regions', () => {
  test('the highest, or the mean of the highest share', () => {
    const values = Float64Array.of(1, 5, 3, 2, 0, 0, 0, 8);
    expect([...poolMaps(values, 4, { top: 0 })]).toEqual([5, 8]);
    expect([...poolMaps(values, 4, { top: 0.5 })]).toEqual([4, 4]);
    expect(() => poolMaps(values, 4, { top: 2 })).toThrow('between 0 and 1');
  });

  test('every cell above the threshold lies in a region, corners touching', () => {
    const map = Float64Array.of(9, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 7);
    expect(regionsAbove(map, { height: 3, width: 4 }, 5)).toEqual([
      { x1: 0, y1: 0, x2: 0.5, y2: 2 / 3, score: 9, cells: 2 },
      { x1: 0.75, y1: 2 / 3, x2: 1, y2: 1, score: 7, cells: 1 },
    ]);
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 20, maxLength: 20 }),
        (cells) => {
          const regions = regionsAbove(Float64Array.from(cells), { height: 4, width: 5 }, 0.6);
          const covered = regions.reduce((sum, region) => sum + region.cells, 0);
          expect(covered).toBe(cells.filter((value) => value > 0.6).length);
        },
      ),
    );
  });

  test('heat goes from none at the usual value to all at the threshold', () => {
    expect([...heatOf(Float64Array.of(0, 1, 2, 3, 9), 1, 3)]).toEqual([0, 0, 128, 255, 255]);
  });
});

describe('the fitted whole', () => {
  const maps = normalMaps(60, 5);
  const groups = Array.from({ length: 60 }, (_, i) => i >> 1);

  test.each(ALL)('%s: held-out models are those of the other folds alone', async (member) => {
    const foldOf = groups.map((group) => group % 5);
    const fitter = new PatchFitter(maps, 5, { members: [member], seed: 3 });
    fitter.add(maps, foldOf);
    const rest = foldOf.flatMap((fold, row) => (fold === 2 ? [] : [row]));
    // What a fold's maps hold must not matter to the model that judges them.
    const spoilt = { ...maps, data: maps.data.slice() };
    foldOf.forEach((fold, row) => fold === 2 && spoilt.data.fill(50, row * 60, (row + 1) * 60));
    const other = new PatchFitter(maps, 5, { members: [member], seed: 3 });
    other.add(selectMaps(maps, [0]), [0]);
    other.add(
      selectMaps(spoilt, [...rest.slice(1), ...foldOf.flatMap((fold, row) => (fold === 2 ? [row] : []))]),
      [...rest.slice(1).map((row) => foldOf[row]), ...foldOf.filter((fold) => fold === 2)],
    );
    const judged = normalMaps(4, 6);
    const first = await fitter.model(2).score(judged, accelerator);
    const second = await other.model(2).score(judged, accelerator);
    first.maps.forEach((value, i) => expect(value).toBeCloseTo(second.maps[i], 6));
  });

  test('blocks of the stream do not matter; p-values of new normal maps keep the promise', async () => {
    const many = normalMaps(120, 11);
    const each = Array.from({ length: 120 }, (_, i) => i);
    const options = { members: ALL, seed: 1, threads: 1 };
    const fitted = await fitPatch(streamOfMaps(many, 64), each, options);
    const again = await fitPatch(streamOfMaps(many, 120), each, options);
    fitted.heldOut.forEach((score, i) => expect(score).toBeCloseTo(again.heldOut[i], 6));
    const fresh = await fitted.model.score(normalMaps(400, 12), accelerator);
    const alarms = fitted.calibration.pValues(fresh.scores).filter((p) => p < 0.05).length / 400;
    expect(alarms).toBeGreaterThan(0.005);
    expect(alarms).toBeLessThan(0.12);
  });

  test('a normal cell at the wrong place is found by position, not by the free Gaussian', async () => {
    const judged = normalMaps(80, 13);
    const labels = Array.from({ length: 80 }, (_, i) => i % 2);
    const d = judged.channels;
    labels.forEach((label, map) => {
      if (label === 1) judged.data.copyWithin((map * 12 + 3) * d, (map * 12 + 8) * d, (map * 12 + 9) * d);
    });
    const auroc = async (member: PatchMember): Promise<number> => {
      const { model } = await fitPatch(streamOfMaps(maps, 60), groups, {
        members: [member],
        seed: 1,
        threads: 1,
      });
      return rankingMetrics(labels, (await model.score(judged, accelerator)).scores).auroc;
    };
    expect(await auroc('position')).toBeGreaterThan(0.95);
    expect(await auroc('shared')).toBeGreaterThan(0.95);
    expect(await auroc('free')).toBeLessThan(0.75);
  });

  test('files give the same model to the last bit; what does not fit is refused', async () => {
    const { model } = await fitPatch(streamOfMaps(maps, 16), groups, { members: ALL, seed: 1, threads: 1 });
    const { document, arrays } = toPatchFiles(model);
    const restored = fromPatchFiles(JSON.parse(JSON.stringify(document)), arrays);
    const judged = normalMaps(3, 14);
    expect(await restored.score(judged, accelerator)).toEqual(await model.score(judged, accelerator));

    const changed = (name: string, array: PatchArray | null): Map<string, PatchArray> => {
      const other = new Map(arrays);
      if (array === null) other.delete(name);
      else other.set(name, array);
      return other;
    };
    const means = arrays.get('position_means')!;
    expect(() => fromPatchFiles({ ...document, format: 'hazure-patch/2' }, arrays)).toThrow('hazure-patch/1');
    expect(() => fromPatchFiles(document, changed('bank', null))).toThrow('array bank');
    expect(() => fromPatchFiles(document, changed('position_means', { ...means, shape: [5, 12] }))).toThrow(
      '12 × 5',
    );
    const broken = { ...means, data: means.data.map((value, i) => (i === 4 ? NaN : value)) };
    expect(() => fromPatchFiles(document, changed('position_means', broken))).toThrow('NaN');
  });

  test('bad input is refused in words', async () => {
    const options = { seed: 1, threads: 1 };
    await expect(fitPatch(streamOfMaps(maps, 60), Array(60).fill(0), options)).rejects.toThrow(
      'at least 2 groups',
    );
    await expect(fitPatch(streamOfMaps(maps, 60), [1, 2], options)).rejects.toThrow(
      'group for each of 60 maps',
    );
    await expect(fitPatch(streamOfMaps(maps, 60), groups, { ...options, members: [] })).rejects.toThrow(
      'different models',
    );
    const { model } = await fitPatch(streamOfMaps(maps, 60), groups, options);
    await expect(model.score({ ...maps, width: 2 }, accelerator)).rejects.toThrow('3 × 4 cells');
    const holed = { ...maps, data: maps.data.map((value, i) => (i === 100 ? Infinity : value)) };
    await expect(model.score(holed, accelerator)).rejects.toThrow('map 1 holds Infinity');
  });
});
