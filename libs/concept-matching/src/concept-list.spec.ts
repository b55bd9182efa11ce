import { conceptListSchema, parseConceptFile } from './concept-list.js';

describe('parseConceptFile', () => {
  test.each([
    ['one a line', '\uFEFF# normal things\ncar\r\n  fire truck \n\ncar\n', ['car', 'fire truck']],
    ['a JSON list', '["car", "Car", "van"]', ['car', 'van']],
    ['class → concepts', '{"car": ["sedan", "van"], "dog": []}', ['car', 'sedan', 'van', 'dog']],
    ['quotes, commas, markup', 'a "b", c\n<b>&amp;</b>', ['a "b", c', '<b>&amp;</b>']],
    ['Japanese and emoji', '自動車\n🦓', ['自動車', '🦓']],
  ])('%s', (_, text, expected) => {
    expect(parseConceptFile(text, 'list.txt')).toEqual(expected);
  });

  test('takes a concepts.json', () => {
    const list = conceptListSchema.parse({
      format: 'hazure-concepts/1',
      classes: ['car'],
      listed: ['van'],
      expansions: [
        { label: 'sedan', parent: 'car', relation: 'hyponym', source: 'wordnet-3.1', evidence: null },
      ],
    });
    expect(parseConceptFile(JSON.stringify(list), 'concepts.json')).toEqual(['car', 'van', 'sedan']);
  });

  test.each([
    ['broken JSON', '["car"', /Concept list x: .*JSON/],
    ['a number in it', '["car", 3]', /element 1 must be a string, got number/],
    ['nested wrongly', '{"car": 5}', /a list or an object expected, got number/],
    ['nothing', ' \n# only a comment\n', /names no concept/],
    ['a label without end', 'x'.repeat(10_000), /may have 200 characters, one has 10000/],
  ])('refuses %s', (_, text, message) => {
    expect(() => parseConceptFile(text, 'x')).toThrow(message);
  });
});
