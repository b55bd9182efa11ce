import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WordNetDatabase } from './database.js';
import { NounTaxonomy } from './taxonomy.js';

const database = new WordNetDatabase();
const first = (word: string): number => database.nounSenses(word)[0].synset;

describe('NounTaxonomy on WordNet 3.1', () => {
  const { taxonomy } = database;

  test('holds every noun synset of the file', () => {
    // 82,192 lines of data.noun are synsets (grep -c '^[0-9]').
    expect(taxonomy.size).toBe(82192);
  });

  test('car: id, words, gloss, parent, parts', () => {
    const car = first('car');
    expect(taxonomy.offsetOf(car)).toBe('02961779');
    expect(taxonomy.words(car)).toEqual(['car', 'auto', 'automobile', 'machine', 'motorcar']);
    expect(taxonomy.gloss(car)).toMatch(/^a motor vehicle with four wheels/);
    expect(taxonomy.parents(car).map((each) => taxonomy.words(each)[0])).toEqual(['motor vehicle']);
    const parts = taxonomy.pointers(car).filter(({ symbol }) => symbol === '%p');
    expect(parts.map(({ synset }) => taxonomy.words(synset)[0])).toContain('bumper');
  });

  test('kinds and ancestors', () => {
    expect(taxonomy.isKindOf(first('zebra'), first('animal'))).toBe(true);
    expect(taxonomy.isKindOf(first('animal'), first('zebra'))).toBe(false);
    expect(taxonomy.ancestors(first('entity')).size).toBe(1);
  });

  test('information content is 0 at the root, 1 at leaves, and never falls on the way down', () => {
    expect(taxonomy.informationContent(first('entity'))).toBeCloseTo(0, 3);
    expect(taxonomy.informationContent(first('backhoe'))).toBe(1);
    for (const word of ['zebra', 'car', 'teddy bear', 'pizza', 'granite']) {
      for (const above of taxonomy.ancestors(first(word))) {
        expect(taxonomy.informationContent(above)).toBeLessThanOrEqual(
          taxonomy.informationContent(first(word)),
        );
      }
    }
  });

  test('descendants are counted once although the hierarchy is no tree', () => {
    const animal = first('animal');
    let kinds = 0;
    for (let synset = 0; synset < taxonomy.size; synset++) {
      if (synset !== animal && taxonomy.isKindOf(synset, animal)) kinds += 1;
    }
    const expected = 1 - Math.log(kinds + 1) / Math.log(taxonomy.size);
    expect(taxonomy.informationContent(animal)).toBeCloseTo(expected, 12);
  });

  test('Lin is symmetric, 1 for the same, higher for nearer', () => {
    const [zebra, horse, car] = ['zebra', 'horse', 'car'].map(first);
    expect(taxonomy.lin(zebra, zebra)).toBe(1);
    expect(taxonomy.lin(zebra, horse)).toBe(taxonomy.lin(horse, zebra));
    expect(taxonomy.lin(zebra, horse)).toBeGreaterThan(taxonomy.lin(zebra, car));
  });
});

describe('WordNetDatabase', () => {
  test('reads senses in WordNet’s order with their counts', () => {
    expect(database.nounSenses('car').map(({ tagCount }) => tagCount)).toEqual([71, 2, 0, 0, 0]);
    expect(database.nounSenses('hot dog')).toHaveLength(3);
  });

  test.each(['', ' ', 'no such noun', 'car\n', '../../x', '*', '自動車', 'zzzz', 'A'.repeat(10_000)])(
    'knows no noun %j',
    (word) => {
      expect(database.nounSenses(word)).toEqual([]);
    },
  );

  test('finds the first and the last word of the index', () => {
    expect(database.nounSenses("'hood")).toEqual([]); // lemmas begin with a letter or a digit
    expect(database.nounSenses('a').length).toBeGreaterThan(0);
    expect(database.nounSenses('zymurgy').length).toBeGreaterThan(0);
  });

  test('counts inflected verbs and adjectives', () => {
    expect(database.verbCount('standing')).toBeGreaterThan(100);
    expect(database.verbCount('giraffes')).toBe(0);
    expect(database.adjectiveCount('large')).toBeGreaterThan(100);
  });

  test('a missing folder is an error that says what to do', () => {
    const broken = new WordNetDatabase(join(tmpdir(), 'no-such-wordnet'));
    expect(() => broken.taxonomy).toThrow(/data\.noun can't be read/);
  });

  test('a changed file is refused', () => {
    const folder = mkdtempSync(join(tmpdir(), 'wordnet-'));
    writeFileSync(join(folder, 'data.noun'), '00001740 03 n 01 entity 0 000 | x\n');
    expect(() => new WordNetDatabase(folder).taxonomy).toThrow(/byte 0 says 00001740/);
    expect(() => new NounTaxonomy(Buffer.from('  licence only\n'))).toThrow(/no synsets/);
  });
});
