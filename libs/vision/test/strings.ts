import { Random } from '@hazure/numerics';

const PIECES = [
  'car', 'Truck', 'a photo of a', 'hot dog', 'ZEBRA', 'giraffe’s', "don't", 'we’ll', '3', '42nd', '1999',
  '🦓', '🚗🚙', '👩‍👩‍👧‍👦', '🏳️‍🌈', '日本語', '外れ', 'トラック', '漢字かな交じり文', '한국어', 'Ελληνικά', 'русский',
  'العربية', 'עברית', 'ไทย', 'é', 'e\u0301', 'ﬁ', 'ß', 'İ', 'Å', '…', '—', '“quoted”', '<b>', '&amp;', '{}', '\\n', '\n', '\t',
  '\u00a0', '\u200b', '\ufeff', '\0', ',', '.', '!!!', '???', '#tag', '@you', 'http://x.y/z?a=b', 'C++', "'s", "'", '"',
  '<|endoftext|>', '<|startoftext|>', '</w>', '__', '-', '½', '²', 'Ⅷ', '\ud83d', 'supercalifragilistic',
]; // prettier-ignore

/** 1,000 different strings, repeatable: the empty one, blanks, words, emoji, scripts, markup, broken surrogates. */
export function thousandStrings(): string[] {
  const random = new Random(20261123);
  const strings = new Set(['', ' ', '\n', '🦓', '日本語', ...PIECES]);
  while (strings.size < 1000) {
    const count = 1 + random.nextInt(6);
    strings.add(
      Array.from({ length: count }, () => PIECES[random.nextInt(PIECES.length)]).join(
        [' ', '', '  ', ', '][random.nextInt(4)],
      ),
    );
  }
  return [...strings];
}
