import { conceptSchema } from '../concept-list.js';
import { WordNetDatabase } from './database.js';
import { expandWithWordNet, type WordNetRelation } from './expansion.js';

const database = new WordNetDatabase();
const expand = (labels: string[], relation: WordNetRelation, limit = 50): string[] =>
  expandWithWordNet(labels, database, { relations: [relation], limit }).map(({ label }) => label);

describe('expandWithWordNet', () => {
  test.each<[WordNetRelation, string, string[]]>([
    ['synonym', 'cell phone', ['mobile phone', 'cellular phone']],
    ['hyponym', 'car', ['sedan', 'limousine', 'taxi']],
    ['hypernym', 'car', ['motor vehicle']],
    ['co-hyponym', 'car', ['truck', 'motorcycle']],
    ['part', 'car', ['fender', 'car door']],
  ])('%s of %s', (relation, label, expected) => {
    const found = expand([label], relation);
    for (const each of expected) expect(found).toContain(each);
  });

  test('leaves out words that first mean something else: an old car may be called a bus', () => {
    expect(expand(['car'], 'hyponym')).not.toContain('bus');
    expect(expand(['car'], 'synonym')).not.toContain('machine');
  });

  test('keeps where each concept came from', () => {
    const concepts = expandWithWordNet(['zebra'], database);
    expect(concepts).toContainEqual({
      label: 'mountain zebra',
      parent: 'zebra',
      relation: 'hyponym',
      source: 'wordnet-3.1',
      evidence: '02394025',
    });
    for (const concept of concepts) expect(conceptSchema.parse(concept)).toEqual(concept);
  });

  test('never repeats a label or another concept, and keeps the limit', () => {
    const labels = expandWithWordNet(['car', 'truck', 'motor vehicle'], database, {
      relations: ['synonym', 'hyponym', 'hypernym', 'co-hyponym', 'part'],
      limit: 5,
    }).map(({ label }) => label);
    expect(new Set(labels).size).toBe(labels.length);
    expect(labels).not.toContain('truck');
    expect(expand(['car'], 'hyponym', 3)).toHaveLength(3);
  });

  test('unknown labels give nothing', () => {
    expect(expandWithWordNet(['Gurkenkönig', '', '"><b>'], database)).toEqual([]);
  });
});
