import fc from 'fast-check';
import { parseConceptAnswer } from './answer.js';

describe('parseConceptAnswer', () => {
  test.each<[string, string, string[]]>([
    ['plain JSON', '["sedan", "van", "bus"]', ['sedan', 'van', 'bus']],
    [
      'a code block with chatter',
      'Sure! Here you go:\n```json\n["sedan",\n "van",]\n```\nHope this helps!',
      ['sedan', 'van'],
    ],
    ['an object of lists', '{"car": ["sedan", "van"], "notes": []}', ['sedan', 'van']],
    ['objects with names', '[{"name": "sedan", "why": "it is a very common kind of car"}]', ['sedan']],
    ['a list cut off', '["sedan", "pickup truck", "conver', ['sedan', 'pickup truck']],
    ['single quotes', "Here: ['sedan', 'pickup truck']", ['sedan', 'pickup truck']],
    [
      'bullets with explanations',
      'Here are some:\n- **Sedan**: four doors\n* van (large)\n• bus – public\n\nLet me know!',
      ['Sedan', 'van', 'bus'],
    ],
    ['numbers', '1. sedan\n2) van\n(3) fire truck', ['sedan', 'van', 'fire truck']],
    ['a sentence with commas', 'Kinds of cars include: sedan, van and bus.', ['sedan', 'van', 'bus']],
    ['one a line', 'sedan\nvan\nbus', ['sedan', 'van', 'bus']],
    ['reasoning first', '<think>The user wants ["wrong"] I guess\n- wrong</think>["right"]', ['right']],
    ['reasoning without end', '<think>The user wants sedan, van', []],
    ['repetitions', '["car", "Car", "car "]', ['car']],
    ['articles', '["a car", "The bus", "an oven", "car", "theatre"]', ['car', 'bus', 'oven', 'theatre']],
    ['brackets in prose first', 'As asked [see above], I list: ["sedan"]', ['sedan']],
    ['a refusal', "I'm sorry, but I can't help with that.", []],
    ['numbers and marks only', '["1", "--", "", "?"]', []],
    ['markup', '["<script>alert(1)</script>", "zebra"]', ['zebra']],
    ['sentences', '["a car is a wheeled motor vehicle used for transport", "sedan"]', ['sedan']],
    ['Japanese', '["自動車", "トラック"]', ['自動車', 'トラック']],
    ['nothing', '', []],
  ])('%s', (_, answer, expected) => {
    expect(parseConceptAnswer(answer, 12)).toEqual(expected);
  });

  test('keeps the limit', () => {
    expect(parseConceptAnswer('["a1", "b1", "c1", "d1"]', 2)).toEqual(['a1', 'b1']);
  });

  test('any text yields short, single-line labels, soon', () => {
    const noise = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc
        .array(
          fc.constantFrom('[', ']', '{', '}', '"', "'", ',', '\\', '\n', '- ', '1. ', 'car', '<think>', ':'),
          { maxLength: 200 },
        )
        .map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(noise, (answer) => {
        for (const label of parseConceptAnswer(answer, 12)) {
          expect(label).toMatch(/^[^\n\r]{1,40}$/u);
          expect(label).toMatch(/\p{L}/u);
        }
      }),
      { numRuns: 500 },
    );
    expect(parseConceptAnswer('['.repeat(1_000_000), 12)).toEqual([]);
    expect(parseConceptAnswer('["'.repeat(500_000), 12).length).toBeLessThanOrEqual(12);
  });
});
