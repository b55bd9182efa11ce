import fc from 'fast-check';
import { NamesError, parseClassNames } from '../src/index.js';

const names = (text: string): string[] => parseClassNames(text).names;

describe('parseClassNames', () => {
  test.each([
    ["{0: 'person', 1: \"driver's seat\"}", ['person', "driver's seat"]],
    ["['a', 'b',]", ['a', 'b']],
    ["('a', 'b')", ['a', 'b']],
    ["{1: 'b', 0: 'a'}", ['a', 'b']],
    ['{0: 0, 1: 1}', ['0', '1']],
    ['[0, 1, 2.5]', ['0', '1', '2.5']],
    ["{'0': 'a', '1': True}", ['a', 'True']],
    [
      String.raw`['a\nb', 'tab\there', 'it\'s', 'back\\slash', 'bell\x07']`,
      ['a\nb', 'tab\there', "it's", 'back\\slash', 'bell\x07'],
    ],
    [String.raw`['\U0001f436', '\u00e9', '\101', 'C:\dir']`, ['\u{1f436}', 'é', 'A', 'C:\\dir']],
    [String.raw`["\ud83d\udc36", "a\/b"]`, ['\u{1f436}', 'a/b']],
    [String.raw`['a\/b', r'raw\n', u'unicode', 'two ' 'parts']`, ['a\\/b', 'raw\\n', 'unicode', 'two parts']],
    ["['''long\nname''']", ['long\nname']],
    ['{"0": "a: {b}", "1": "c, d"}', ['a: {b}', 'c, d']],
  ])('%s', (text, expected) => {
    expect(names(text)).toEqual(expected);
  });

  test('counts from 1 where the keys do', () => {
    expect(parseClassNames("{1: 'a', 2: 'b'}")).toEqual({ names: ['a', 'b'], firstId: 1 });
    expect(parseClassNames("{0: 'a', 1: 'b'}").firstId).toBe(0);
  });

  test.each([
    ["{0: 'a', 2: 'b'}", /1 is missing/],
    ["{2: 'a', 3: 'b'}", /1 is missing/],
    ["{0: 'a', 0: 'b'}", /class 0 twice/],
    ["{'a': 'b'}", /"a" is no class id/],
    ["{0: 'a', 1: None}", /class 1 has no name/],
    ["{0: ['a']}", /class 0 has no name/],
    ["['a'", /neither ','/],
    ["['a]", /closing quote/],
    [String.raw`['\x4']`, /not finished/],
    ['names', /no name, number, list/],
    ['person, bicycle', /no name, number, list/],
    ['[]', /empty/],
    ['{}', /empty/],
    ["['a'] and more", /after its end/],
    ["'person'", /neither a list nor a dictionary/],
    ['['.repeat(50), /nested too deep/],
  ])('refuses %s', (text, message) => {
    expect(() => names(text)).toThrow(NamesError);
    expect(() => names(text)).toThrow(message);
  });

  test('reads back whatever Python or JSON writes', () => {
    const list = fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 6 });
    const python = (name: string): string =>
      `'${[...name].map((c) => (/[\\']/.test(c) ? `\\${c}` : c === '\n' ? '\\n' : c)).join('')}'`;
    fc.assert(
      fc.property(list, (all) => {
        expect(names(JSON.stringify(all))).toEqual(all);
        expect(names(JSON.stringify({ ...all }))).toEqual(all);
        expect(names(`{${all.map((name, i) => `${i}: ${python(name)}`).join(', ')}}`)).toEqual(all);
      }),
    );
  });
});
