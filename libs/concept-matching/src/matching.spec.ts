import type { ConceptCandidate } from '@hazure/contracts';
import fc from 'fast-check';
import { defaultTemperature, matchConcepts } from './matching.js';

const candidate = (label: string): ConceptCandidate => ({
  label,
  origin: 'class',
  parent: null,
  role: 'common',
});
const OPTIONS = { lim1: 0.8, lim2: 1, temperature: 0.1 };

describe('matchConcepts', () => {
  test('gives softmax probabilities, best first', () => {
    const matches = matchConcepts([0.1, 0.9], [candidate('a'), candidate('b')], OPTIONS);
    expect(matches.map(({ label }) => label)).toEqual(['b', 'a']);
    // softmax([1, 9]): 1 ÷ (1 + e⁻⁸)
    expect(matches[0].probability).toBeCloseTo(0.9996646498695336, 12);
    expect(matches[1].probability).toBeCloseTo(0.00033535013046647816, 12);
  });

  test.each([
    ['below the band', 0.79, 0.8, 1, false],
    ['at its lower end', 0.8, 0.8, 1, true],
    ['inside', 0.9, 0.8, 1, true],
    ['at its upper end', 1, 0.8, 1, true],
    ['above 1 by rounding', 1.0000001, 0.8, 1, true],
    ['above the band', 0.96, 0.8, 0.95, false],
    ['a band of one value', 0.5, 0.5, 0.5, true],
    ['a band over everything', -1, -1, 1, true],
  ])('%s: similarity %d in %d…%d matches: %s', (_, similarity, lim1, lim2, matched) => {
    const [match] = matchConcepts([similarity], [candidate('a')], { ...OPTIONS, lim1, lim2 });
    expect(match.matched).toBe(matched);
    expect(match.similarity).toBeLessThanOrEqual(1);
  });

  test('probabilities sum to 1 and follow the similarities, whatever the values and the temperature', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 }),
        fc.double({ min: 0.001, max: 100, noNaN: true }),
        (similarities, temperature) => {
          const candidates = similarities.map((_, i) => candidate(String(i)));
          const matches = matchConcepts(similarities, candidates, { ...OPTIONS, temperature });
          const sum = matches.reduce((total, { probability }) => total + probability, 0);
          expect(sum).toBeCloseTo(1, 9);
          for (let i = 1; i < matches.length; i++) {
            expect(matches[i].probability).toBeLessThanOrEqual(matches[i - 1].probability);
          }
        },
      ),
    );
  });

  test('equal similarities stay in candidate order', () => {
    const matches = matchConcepts([0.5, 0.5, 0.5], ['x', 'a', 'm'].map(candidate), OPTIONS);
    expect(matches.map(({ label }) => label)).toEqual(['x', 'a', 'm']);
  });

  test('no candidates, no matches', () => {
    expect(matchConcepts([], [], OPTIONS)).toEqual([]);
  });

  test.each([
    ['a missing similarity', [0.5], OPTIONS, /2 candidates, 1 similarities/],
    ['NaN', [0.5, Number.NaN], OPTIONS, /"b" must be finite, got NaN/],
    ['a temperature of 0', [0, 0], { ...OPTIONS, temperature: 0 }, /above 0, got 0/],
    ['an empty band', [0, 0], { ...OPTIONS, lim1: 0.9, lim2: 0.8 }, /lim1 0.9 and lim2 0.8/],
  ])('refuses %s', (_, similarities, options, message) => {
    expect(() => matchConcepts(similarities, [candidate('a'), candidate('b')], options)).toThrow(message);
  });
});

test('CLIP cosines are sharpened by its logit scale, taxonomy similarities less', () => {
  expect(defaultTemperature('clip:Xenova/clip-vit-base-patch32')).toBe(0.01);
  expect(defaultTemperature('wordnet-3.1')).toBe(0.1);
});
