import { ModelError } from '@hazure/contracts';
import { matrixFrom, Random } from '@hazure/numerics';
import fc from 'fast-check';
import { fitIsolationForest } from './fit.js';
import { IsolationForest } from './forest.js';
import type { ForestJSON } from './forest-json.js';

const random = new Random(5);
const x = matrixFrom(
  Array.from({ length: 40 }, () => [random.next(), random.next() * 1e-3, random.next() * 1e6]),
);
const forest = fitIsolationForest(x, { trees: 3 });
const document = (): ForestJSON => JSON.parse(JSON.stringify(forest)) as ForestJSON;

test('a saved forest scores exactly as before', () => {
  const loaded = IsolationForest.fromJSON(document());
  expect(loaded.scoreSamples(x)).toEqual(forest.scoreSamples(x));
  expect(loaded.offset).toBe(forest.offset);
  expect(JSON.stringify(loaded)).toBe(JSON.stringify(forest));
});

describe('damaged and hostile files', () => {
  /** First inner node after the root, so that edits hit a real split. */
  const inner = forest.trees[0].feature.findIndex((feature, node) => node > 0 && feature >= 0);
  const leaf = forest.trees[0].feature.findIndex((feature) => feature < 0);
  type Edit = (json: ForestJSON) => unknown;
  const edits: [string, Edit][] = [
    ['null', () => null],
    ['a string', () => 'forest'],
    ['another format', (json) => ({ ...json, format: 'pickle' })],
    ['an unknown key', (json) => ({ ...json, code: 'process.exit()' })],
    ['no trees', (json) => ({ ...json, trees: [] })],
    ['NaN as offset', (json) => ({ ...json, offset: NaN })],
    ['an offset out of range', (json) => ({ ...json, offset: 3 })],
    ['an absurd width', (json) => ({ ...json, dimensions: 1e12 })],
    ['zero dimensions', (json) => ({ ...json, dimensions: 0 })],
    ['a cycle', (json) => void (json.trees[0].left[inner] = 0)],
    ['a child that is its parent', (json) => void (json.trees[0].left[inner] = inner)],
    ['a shared child', (json) => void (json.trees[0].left[inner] = 1)],
    ['a child out of range', (json) => void (json.trees[0].left[inner] = 1e6)],
    ['a negative child', (json) => void (json.trees[0].left[inner] = -1)],
    ['a column out of range', (json) => void (json.trees[0].feature[inner] = 3)],
    ['a column −2', (json) => void (json.trees[0].feature[inner] = -2)],
    ['a fractional column', (json) => void (json.trees[0].feature[inner] = 0.5)],
    ['a threshold beyond float32', (json) => void (json.trees[0].threshold[inner] = 1e300)],
    ['a threshold of null', (json) => void ((json.trees[0].threshold as unknown[])[inner] = null)],
    ['a leaf made inner', (json) => void (json.trees[0].feature[leaf] = 0)],
    ['an inner node made leaf', (json) => void (json.trees[0].feature[inner] = -1)],
    ['rows that do not add up', (json) => void json.trees[0].samples[leaf]++],
    ['another root size', (json) => ({ ...json, samplesPerTree: 7 })],
    ['arrays of different length', (json) => void json.trees[0].left.pop()],
  ];

  test.each(edits)('%s is a ModelError', (_what, edit) => {
    const json = document();
    const changed = edit(json);
    expect(() => IsolationForest.fromJSON(changed === undefined ? json : changed)).toThrow(ModelError);
  });

  test('a newer version is named as such', () => {
    expect(() => IsolationForest.fromJSON({ ...document(), format: 'hazure-isolation-forest/2' })).toThrow(
      'expected the format hazure-isolation-forest/1, got hazure-isolation-forest/2',
    );
  });

  test('arbitrary JSON never gets through and never hangs', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(() => IsolationForest.fromJSON(value)).toThrow(ModelError);
      }),
      { numRuns: 100 },
    );
  });
});
