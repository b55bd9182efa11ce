import {
  formatBytes,
  formatCount,
  formatNumber,
  formatPercent,
  formatSeconds,
  countedUnit,
  plural,
  truncate,
} from './format.js';

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1,000'],
  [1234567, '1,234,567'],
])('formatCount(%p) is %p', (value, text) => expect(formatCount(value)).toBe(text));

test.each([
  [0, '0'],
  [0.01234, '0.0123'],
  [12.345, '12.3'],
  [1234.5, '1,235'],
  [-1234.4, '-1,234'],
  [1.2e-7, '1.2e-7'],
  [Number.NaN, '–'],
  [Infinity, '∞'],
])('formatNumber(%p) is %p', (value, text) => expect(formatNumber(value)).toBe(text));

test.each([
  [0.42, '420 ms'],
  [4.25, '4.3 s'],
  [9.96, '10 s'],
  [59.7, '1 min 0 s'],
  [75, '1 min 15 s'],
  [4000, '1 h 7 min'],
])('formatSeconds(%p) is %p', (value, text) => expect(formatSeconds(value)).toBe(text));

test.each([
  [512, '512 B'],
  [1536, '1.5 KiB'],
  [5 * 2 ** 30, '5 GiB'],
  [123 * 2 ** 20, '123 MiB'],
])('formatBytes(%p) is %p', (value, text) => expect(formatBytes(value)).toBe(text));

test('shares and counted nouns', () => {
  expect(formatPercent(0.1234)).toBe('12.3%');
  expect(formatPercent(Number.NaN)).toBe('–');
  expect(plural(1, 'image')).toBe('1 image');
  expect(plural(2000, 'image')).toBe('2,000 images');
  expect(['images', 'classes'].map((units) => countedUnit(1, units))).toEqual(['1 image', '1 class']);
  expect(countedUnit(2000, 'classes')).toBe('2,000 classes');
});

test('truncate keeps whole code points and says what is missing', () => {
  expect(truncate('short', 10)).toBe('short');
  expect(truncate('a'.repeat(1010), 10)).toBe(`${'a'.repeat(10)}… (1,000 more characters)`);
  const cut = truncate('🚗'.repeat(50), 9);
  expect(cut).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])/);
});
