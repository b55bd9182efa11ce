import { CLASS_COLOURS, OTHER_COLOUR, styleClasses } from './palette.js';

test('the most frequent label comes first; ties go by name', () => {
  const { styles, styleOf } = styleClasses(['b', 'a', 'c', 'c', 'b', 'c', 'a']);
  expect(styles.map((style) => [style.label, style.count])).toEqual([
    ['c', 3],
    ['a', 2],
    ['b', 2],
  ]);
  expect([...styleOf]).toEqual([2, 1, 0, 0, 2, 0, 1]);
  expect(new Set(styles.map((style) => style.colour)).size).toBe(3);
});

test('labels beyond the palette share one entry', () => {
  const labels = Array.from({ length: 40 }, (_, i) => `class ${String(i % 20).padStart(2, '0')}`);
  const { styles, styleOf } = styleClasses(labels);
  expect(styles).toHaveLength(CLASS_COLOURS.length + 1);
  expect(styles.at(-1)).toEqual({ label: '5 other classes', colour: OTHER_COLOUR, count: 10 });
  expect([...styleOf].filter((style) => style === CLASS_COLOURS.length)).toHaveLength(10);
});

test('no labels, no styles', () => {
  expect(styleClasses([]).styles).toEqual([]);
});
