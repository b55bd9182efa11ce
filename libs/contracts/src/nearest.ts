import { distance } from 'fastest-levenshtein';

/**
 * The known name that was most likely meant: one that holds the given name or is held by it (`percentile`,
 * `threshold-percentile`), the shortest of these, else the one that is fewest edits away.
 */
export function nearestName(name: string, known: readonly string[]): string {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z0-9]/g, '');
  const given = plain(name);
  const related =
    given.length < 3
      ? []
      : known.filter((each) => plain(each).includes(given) || given.includes(plain(each)));
  return (related.length > 0 ? related : [...known]).reduce((best, each) =>
    distance(given, plain(each)) < distance(given, plain(best)) ? each : best,
  );
}
