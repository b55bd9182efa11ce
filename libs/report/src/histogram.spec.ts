import fc from 'fast-check';
import { binScores } from './histogram.js';

test('shares add up to one per series, whatever the scores', () => {
  const scores = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), {
    minLength: 1,
  });
  fc.assert(
    fc.property(scores, scores, (first, second) => {
      const histogram = binScores(
        [
          { name: 'a', scores: first },
          { name: 'b', scores: second },
        ],
        20,
        [0.5],
      );
      expect(histogram).not.toBeNull();
      for (const share of histogram!.shares)
        expect(share.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 9);
      expect(histogram!.edges[0]).toBeLessThanOrEqual(0.5);
      expect(histogram!.edges.at(-1)).toBeGreaterThanOrEqual(0.5);
    }),
  );
});

test('counts land in the right bins', () => {
  const histogram = binScores([{ name: 'a', scores: [0, 0.1, 0.9, 1] }], 2);
  expect(histogram).toMatchObject({ counts: [4], overflow: false });
  expect([...histogram!.edges]).toEqual([0, 0.5, 1]);
  expect([...histogram!.shares[0]]).toEqual([0.5, 0.5]);
});

test('one extreme score does not squeeze the rest into a single bin', () => {
  const scores = [...Array.from({ length: 1000 }, (_, i) => i / 1000), 1e6];
  const histogram = binScores([{ name: 'a', scores }], 50)!;
  expect(histogram.overflow).toBe(true);
  expect([...histogram.shares[0]].filter((share) => share > 0).length).toBeGreaterThan(10);
  expect(histogram.shares[0].at(-1)).toBeCloseTo(1 / 1001, 9);
});

test('scores that are not finite are not counted', () => {
  expect(binScores([{ name: 'a', scores: [Number.NaN, Infinity] }])).toBeNull();
  expect(binScores([{ name: 'a', scores: [Number.NaN, 1, 2] }])?.counts).toEqual([2]);
});
