import { normaliseText, quote } from './text.js';

describe('normaliseText', () => {
  test.each([
    ['  Teddy_Bear\n', 'teddy bear'],
    ['ｃａｒ', 'car'],
    ['a\u0000\tb', 'a b'],
    ['', ''],
  ])('%j becomes %j', (text, expected) => {
    expect(normaliseText(text)).toBe(expected);
  });
});

describe('quote', () => {
  test('keeps a hostile text on one line, shortened by characters, otherwise as it is', () => {
    expect(quote('<b>"x"</b>\n\r\u0007y')).toBe('“<b>"x"</b> y”');
    expect(quote('🦓'.repeat(100), 10)).toBe(`“${'🦓'.repeat(9)}…”`);
  });
});
