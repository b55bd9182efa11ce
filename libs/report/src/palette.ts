/**
 * Colours that the PNG plots and the HTML report share. All are of middle lightness, so that they read on a white
 * and on a dark page; pure red is left to outliers. The first six are Okabe & Ito's (Color universal design, 2008);
 * each further one is the farthest from all before it, in OKLab, for the kind of colour vision that tells them apart
 * worst.
 */
export const CLASS_COLOURS: readonly string[] = [
  '#0072b2',
  '#e69f00',
  '#009e73',
  '#56b4e9',
  '#cc79a7',
  '#d55e00',
  '#9000ff',
  '#a83078',
  '#a8c090',
  '#48d8f0',
  '#a860f0',
  '#c030c0',
  '#d8c060',
  '#9090ff',
  '#a8a878',
];
export const OTHER_COLOUR = '#8b93a1';
/** Classes that the baseline has not seen. */
export const UNSEEN_COLOUR = '#596373';
export const OUTLIER_COLOUR = '#e0223f';
export const BASELINE_COLOUR = '#9aa7b8';

/** Word for the classes beyond the palette, which share one entry. */
const OTHER_LABEL = 'other';

export interface ClassStyle {
  readonly label: string;
  readonly colour: string;
  readonly count: number;
}

export interface ClassStyles {
  /** Legend entries: the baseline's most frequent class first, then classes without a colour of their own. */
  readonly styles: readonly ClassStyle[];
  /** Entry of `styles` for each input label, in input order. */
  readonly styleOf: Uint8Array;
}

/**
 * Gives labels a colour of their own, by their place in `known`, and gathers the rest.
 *
 * @param labels one label per point
 * @param known the baseline's classes, most frequent first: the first 15 own a colour whether or not they are among
 *   the labels, so that a class looks the same in every plot and report of a baseline and its detections; classes
 *   that the baseline has not seen share one entry. Default: the labels themselves, most frequent first
 * @returns styles of the labels that occur, in the order of `known`
 */
export function styleClasses(
  labels: readonly string[],
  known: readonly string[] = byFrequency(labels),
): ClassStyles {
  const placeOf = new Map(known.map((label, place) => [label, place]));
  const entries = new Map<string, { place: number; colour: string; members: Set<string>; count: number }>();
  const keyOf = (label: string): string => {
    const place = placeOf.get(label);
    if (place === undefined) return '+unseen';
    return place < CLASS_COLOURS.length ? `=${label}` : '+other';
  };
  for (const label of labels) {
    const key = keyOf(label);
    const entry = entries.get(key) ?? {
      place: key === '+unseen' ? Infinity : (placeOf.get(label) as number),
      colour:
        key === '+unseen' ? UNSEEN_COLOUR : (CLASS_COLOURS[placeOf.get(label) as number] ?? OTHER_COLOUR),
      members: new Set<string>(),
      count: 0,
    };
    entry.members.add(label);
    entry.count++;
    entries.set(key, entry);
  }
  const ordered = [...entries].sort(([, a], [, b]) => a.place - b.place);
  const indexOf = new Map(ordered.map(([key], index) => [key, index]));
  return {
    styles: ordered.map(([key, { colour, members, count }]) => ({
      label: legendLabel(key, [...members]),
      colour,
      count,
    })),
    styleOf: Uint8Array.from(labels, (label) => indexOf.get(keyOf(label)) as number),
  };
}

function legendLabel(key: string, members: readonly string[]): string {
  if (key.startsWith('=')) return members[0];
  const classes = members.length === 1 ? 'class' : 'classes';
  return key === '+other'
    ? `${members.length} ${OTHER_LABEL} ${classes}`
    : `${members.length} new ${classes}`;
}

/** Distinct labels, most frequent first, ties by name. */
function byFrequency(labels: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([label]) => label);
}

/** `#rrggbb` → [r, g, b], 0…255 each. */
export function rgbOf(hex: string): readonly [number, number, number] {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}
