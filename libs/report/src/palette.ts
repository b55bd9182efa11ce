/**
 * Colours that the PNG plots and the HTML report share. All are of middle lightness, so that they read on a white
 * and on a dark page; pure red is left to outliers.
 */
export const CLASS_COLOURS: readonly string[] = [
  '#3b76d1',
  '#ee8a2f',
  '#2f9e5b',
  '#8e5bd0',
  '#12a5b5',
  '#d1a90f',
  '#c4559f',
  '#86633f',
  '#78b82e',
  '#47c0ec',
  '#0b7a6b',
  '#f09ab5',
  '#6a6fe3',
  '#a3a53a',
  '#b2562b',
];
export const OTHER_COLOUR = '#8b93a1';
export const OUTLIER_COLOUR = '#e0223f';
export const BASELINE_COLOUR = '#9aa7b8';

/** Word for the classes beyond the palette, which share one entry. */
export const OTHER_LABEL = 'other';

export interface ClassStyle {
  readonly label: string;
  readonly colour: string;
  readonly count: number;
}

export interface ClassStyles {
  /** Legend entries: most frequent class first, `other` last when there are more classes than colours. */
  readonly styles: readonly ClassStyle[];
  /** Entry of `styles` for each input label, in input order. */
  readonly styleOf: Uint8Array;
}

/**
 * Gives the most frequent labels a colour of their own and gathers the rest.
 *
 * @param labels one label per point
 * @param limit most entries with a colour of their own, 1…15
 * @returns styles ordered by frequency, ties by name: the same labels always get the same colours
 */
export function styleClasses(labels: readonly string[], limit: number = CLASS_COLOURS.length): ClassStyles {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const ordered = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const shown = ordered.slice(0, Math.max(1, Math.min(limit, CLASS_COLOURS.length)));
  const rest = ordered.slice(shown.length);
  const styles: ClassStyle[] = shown.map(([label, count], i) => ({ label, colour: CLASS_COLOURS[i], count }));
  if (rest.length > 0) {
    const count = rest.reduce((sum, [, n]) => sum + n, 0);
    styles.push({
      label: `${rest.length} ${OTHER_LABEL} ${rest.length === 1 ? 'class' : 'classes'}`,
      colour: OTHER_COLOUR,
      count,
    });
  }
  const indexOf = new Map(shown.map(([label], i) => [label, i]));
  const styleOf = Uint8Array.from(labels, (label) => indexOf.get(label) ?? shown.length);
  return { styles, styleOf };
}

/** `#rrggbb` → [r, g, b], 0…255 each. */
export function rgbOf(hex: string): readonly [number, number, number] {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}
