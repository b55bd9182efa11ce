import { InputError } from '@hazure/contracts';
import { Random } from '@hazure/numerics';

/**
 * Deals rows into `folds` parts of about equal size; rows of one group (crops of one image) stay together.
 * Returns the fold of each row. Fewer groups than folds give as many folds as groups.
 */
export function assignFolds(groups: ArrayLike<number>, folds: number, seed: number): Uint16Array {
  const rowsOf = new Map<number, number[]>();
  for (let i = 0; i < groups.length; i++) {
    const rows = rowsOf.get(groups[i]);
    if (rows) rows.push(i);
    else rowsOf.set(groups[i], [i]);
  }
  const members = [...rowsOf.values()];
  const order = new Random(seed).shuffle(members.map((_, i) => i));
  // Large groups first, each into the emptiest fold; the shuffle decides among equals.
  order.sort((a, b) => members[b].length - members[a].length);
  const count = Math.min(folds, members.length);
  const sizes = new Array<number>(count).fill(0);
  const foldOf = new Uint16Array(groups.length);
  for (const g of order) {
    const fold = sizes.indexOf(Math.min(...sizes));
    sizes[fold] += members[g].length;
    for (const row of members[g]) foldOf[row] = fold;
  }
  return foldOf;
}

/** Row indices inside and outside one fold. */
export function splitByFold(
  foldOf: ArrayLike<number>,
  fold: number,
): { inside: number[]; outside: number[] } {
  const inside: number[] = [];
  const outside: number[] = [];
  for (let i = 0; i < foldOf.length; i++) (foldOf[i] === fold ? inside : outside).push(i);
  return { inside, outside };
}

/**
 * Random whole groups that hold about `heldOut` rows: at least one group, never all, and beyond half as many rows
 * again only where no smaller group is left to take.
 */
export function holdOut(
  groups: ArrayLike<number>,
  heldOut: number,
  seed: number,
): { held: number[]; kept: number[] } {
  const ids = [...new Set(Array.from(groups))];
  if (ids.length < 2) {
    throw new InputError(
      'BASELINE_TOO_SMALL',
      `expected rows of at least 2 images to hold some out, got ${ids.length}`,
    );
  }
  const sizes = new Map<number, number>();
  for (let i = 0; i < groups.length; i++) sizes.set(groups[i], (sizes.get(groups[i]) ?? 0) + 1);
  const order = new Random(seed).shuffle(ids.map((_, i) => i));
  const chosen = new Set<number>();
  let rows = 0;
  for (const g of order) {
    if (rows >= heldOut || chosen.size === ids.length - 1) break;
    const size = sizes.get(ids[g]) ?? 0;
    if (rows + size > 1.5 * heldOut) continue; // one huge group would leave little to fit to
    chosen.add(ids[g]);
    rows += size;
  }
  if (chosen.size === 0) {
    chosen.add(ids.reduce((least, id) => ((sizes.get(id) ?? 0) < (sizes.get(least) ?? 0) ? id : least)));
  }
  const held: number[] = [];
  const kept: number[] = [];
  for (let i = 0; i < groups.length; i++) (chosen.has(groups[i]) ? held : kept).push(i);
  return { held, kept };
}
