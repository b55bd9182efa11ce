import type { Regions } from './judge.js';

/** The first so many of them. */
export function take(regions: Regions, most: number): Regions {
  return async function* some() {
    let taken = 0;
    for await (const region of regions()) {
      yield region;
      if (++taken >= most) return;
    }
  };
}

/** How many there are. */
export async function count(regions: Regions): Promise<number> {
  let found = 0;
  for await (const region of regions()) if (region) found++;
  return found;
}
