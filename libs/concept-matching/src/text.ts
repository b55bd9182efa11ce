/**
 * A label or caption reduced to what counts when it is compared: NFKC, lower case, underscores and white space as
 * single spaces. Labels are data: nothing in them is interpreted.
 */
export function normaliseText(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s_\p{Cc}]+/gu, ' ')
    .trim();
}

/** For use inside a sentence: one line, at most `limit` characters, in quotation marks that mark it as a quote. */
export function quote(text: string, limit = 60): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  const characters = Array.from(line);
  const shown = characters.length > limit ? `${characters.slice(0, limit - 1).join('')}…` : line;
  return `“${shown}”`;
}
