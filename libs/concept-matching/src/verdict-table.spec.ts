import type { ConceptCandidate, FeatureVerdict } from '@hazure/contracts';
import { matchConcepts } from './matching.js';
import { fuse } from './fusion.js';
import type { FusionMode } from './fusion-mode.js';
import { judgeSemantics } from './verdict.js';

/**
 * Every setting of lim1, lim2 and fusion against every place that a common and a potential label's similarity can
 * have, with the verdicts written out (PRODUCT: “Verdicts, exactly”).
 */
const common: ConceptCandidate = { label: 'car', origin: 'class', parent: null, role: 'common' };
const potential: ConceptCandidate = { label: 'zebra', origin: 'potential', parent: null, role: 'potential' };
type Place = 'absent' | 'below' | 'lim1' | 'inside' | 'lim2' | 'above';
const REASON = {
  C: 'common-match',
  P: 'potential-class',
  N: 'no-common-match',
  U: 'undecided',
} as const;

// Rows: where the common label lies. Columns: the potential label absent, below, at lim1, inside, at lim2, above.
const EXPECTED: [Place, string][] = [
  ['absent', 'U U P P P U'],
  ['below', 'N N P P P N'],
  ['lim1', 'C C P P P C'],
  ['inside', 'C C P P P C'],
  ['lim2', 'C C P P P C'],
  ['above', 'N N P P P N'],
];
const COLUMNS: Place[] = ['absent', 'below', 'lim1', 'inside', 'lim2', 'above'];

// lim1, lim2, and a similarity for each place that there is between −1 and 1
const BANDS: [number, number, Partial<Record<Place, number>>][] = [
  [0.8, 1, { below: 0.7999, lim1: 0.8, inside: 0.9, lim2: 1 }],
  [0.5, 0.9, { below: 0.4999, lim1: 0.5, inside: 0.7, lim2: 0.9, above: 0.9001 }],
  [0.7, 0.7, { below: 0.6999, lim1: 0.7, lim2: 0.7, above: 0.7001 }],
  [-0.5, 0, { below: -0.5001, lim1: -0.5, inside: -0.2, lim2: 0, above: 0.0001 }],
  [-1, 1, { lim1: -1, inside: 0, lim2: 1 }],
  [1, 1, { below: 0.9999, lim1: 1, lim2: 1 }],
];

// Fused: outlier (X) or not (.) for feature normal, then feature outlier, by what the words said.
const FUSED: Record<FusionMode, Record<keyof typeof REASON | 'no caption', string>> = {
  any: { C: '.X', P: 'XX', N: 'XX', U: '.X', 'no caption': '.X' },
  all: { C: '..', P: '.X', N: '.X', U: '..', 'no caption': '.X' },
  feature: { C: '.X', P: '.X', N: '.X', U: '.X', 'no caption': '.X' },
  semantic: { C: '..', P: 'XX', N: 'XX', U: '..', 'no caption': '..' },
};
const MODES = Object.keys(FUSED) as FusionMode[];

const feature = (outlier: boolean): FeatureVerdict => ({
  score: 1,
  scores: { knn: 1 },
  pValue: outlier ? 0.01 : 0.5,
  outlier,
});

describe.each(BANDS)('lim1 %d, lim2 %d', (lim1, lim2, similarities) => {
  test.each(EXPECTED)('common label %s', (row, expected) => {
    if (row !== 'absent' && similarities[row] === undefined) return; // there is no such place in this band
    expected.split(' ').forEach((letter, i) => {
      const column = COLUMNS[i];
      if (column !== 'absent' && similarities[column] === undefined) return;
      const rows = [
        ...(row === 'absent' ? [] : [[common, similarities[row] as number] as const]),
        ...(column === 'absent' ? [] : [[potential, similarities[column] as number] as const]),
      ];
      const matches = matchConcepts(
        rows.map(([, similarity]) => similarity),
        rows.map(([candidate]) => candidate),
        { lim1, lim2, temperature: 0.1 },
      );
      const semantic = judgeSemantics({ text: 'some words', source: 'x' }, matches);
      const said = letter as keyof typeof REASON;
      expect([column, semantic.reason]).toEqual([column, REASON[said]]);
      expect(semantic.outlier).toBe(said === 'P' || said === 'N');
      for (const mode of MODES) {
        const fused = [false, true].map((outlier) => fuse(feature(outlier), semantic, mode));
        const shown = fused.map(({ outlier }) => (outlier ? 'X' : '.')).join('');
        expect([column, mode, shown]).toEqual([column, mode, FUSED[mode][said]]);
        for (const { outlier, reason } of fused) {
          expect(reason).toMatch(outlier ? /^Outlier: .+\.$/ : /^Normal: .+\.$/);
        }
      }
    });
  });
});

test.each(MODES)('no caption, fusion %s', (mode) => {
  const fused = [false, true].map((outlier) => fuse(feature(outlier), null, mode));
  expect(fused.map(({ outlier }) => (outlier ? 'X' : '.')).join('')).toBe(FUSED[mode]['no caption']);
});
