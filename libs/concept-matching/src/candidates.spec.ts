import { buildCandidates, type CandidateSources } from './candidates.js';
import type { Concept } from './concept-list.js';

const expansion = (label: string, parent: string): Concept => ({
  label,
  parent,
  relation: 'hyponym',
  source: 'wordnet-3.1',
  evidence: null,
});

function labels(sources: Partial<CandidateSources>): string[] {
  return buildCandidates({ baselineClasses: ['car', 'truck'], ...sources }).map(
    ({ label, origin, role }) => `${label}:${origin}:${role}`,
  );
}

describe('buildCandidates', () => {
  test('lists every source in a stable order with its origin and role', () => {
    const found = buildCandidates({
      baselineClasses: ['car', 'truck'],
      conceptFile: ['van'],
      expansions: [expansion('sedan', 'car')],
      potentialClasses: ['giraffe'],
    });
    expect(found).toEqual([
      { label: 'car', origin: 'class', parent: null, role: 'common' },
      { label: 'truck', origin: 'class', parent: null, role: 'common' },
      { label: 'van', origin: 'file', parent: null, role: 'common' },
      { label: 'sedan', origin: 'expansion', parent: 'car', role: 'common' },
      { label: 'giraffe', origin: 'potential', parent: null, role: 'potential' },
    ]);
  });

  test('takes a label once, however it is written, and leaves out empty ones', () => {
    expect(
      labels({
        conceptFile: [' CAR', 'Traffic_Light', '', ' '],
        expansions: [expansion('traffic light', 'car')],
      }),
    ).toEqual(['car:class:common', 'truck:class:common', 'Traffic_Light:file:common']);
  });

  test('a label that is also potential is potential only', () => {
    expect(labels({ potentialClasses: ['Truck', 'sedan'], expansions: [expansion('sedan', 'car')] })).toEqual(
      ['car:class:common', 'Truck:potential:potential', 'sedan:potential:potential'],
    );
  });

  test('onlyAdditional leaves out class names, also where an expansion repeats one, but not what was asked for', () => {
    expect(
      labels({
        detectorClasses: ['car', 'truck', 'bus', 'zebra'],
        onlyAdditional: true,
        conceptFile: ['car', 'van'],
        expansions: [expansion('bus', 'car'), expansion('sedan', 'car')],
        potentialClasses: ['zebra'],
      }),
    ).toEqual(['car:file:common', 'van:file:common', 'sedan:expansion:common', 'zebra:potential:potential']);
  });

  test('onlyAdditional with nothing added has no candidates', () => {
    expect(labels({ onlyAdditional: true })).toEqual([]);
  });
});
