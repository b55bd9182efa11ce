import { extname } from 'node:path';
import type { LeftOut } from './types.js';

type Reason = Exclude<keyof LeftOut, 'byExtension'>;

/** Counts what is not taken. */
export class LeftOutTally {
  private readonly byExtension = new Map<string, number>();
  private readonly reasons = new Map<Reason, number>();

  other(name: string): void {
    const extension = extname(name).toLowerCase() || '(none)';
    this.byExtension.set(extension, (this.byExtension.get(extension) ?? 0) + 1);
  }

  add(reason: Reason, count = 1): void {
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + count);
  }

  get others(): number {
    return [...this.byExtension.values()].reduce((sum, count) => sum + count, 0);
  }

  summary(): LeftOut {
    const count = (reason: Reason): number => this.reasons.get(reason) ?? 0;
    return {
      byExtension: Object.fromEntries([...this.byExtension].sort(([a], [b]) => (a < b ? -1 : 1))),
      hidden: count('hidden'),
      runFolders: count('runFolders'),
      excluded: count('excluded'),
      notEveryNth: count('notEveryNth'),
      duplicates: count('duplicates'),
      notSelected: count('notSelected'),
      beyondLimit: count('beyondLimit'),
    };
  }
}

/** One sentence for a person, or null when nothing was left out. */
export function describeLeftOut(leftOut: LeftOut): string | null {
  const { byExtension, hidden, runFolders, excluded, notEveryNth, duplicates, notSelected, beyondLimit } =
    leftOut;
  const parts = [
    ...Object.entries(byExtension).map(
      ([extension, count]) => `${count} ${extension === '(none)' ? 'without an ending' : extension}`,
    ),
    ...named(hidden, 'hidden'),
    ...named(runFolders, runFolders === 1 ? 'run folder' : 'run folders'),
    ...named(excluded, 'excluded'),
    ...named(notEveryNth, 'between every Nth'),
    ...named(duplicates, 'listed again'),
    ...named(notSelected, 'outside the indices'),
    ...named(beyondLimit, 'beyond the limit'),
  ];
  return parts.length === 0 ? null : `left out: ${parts.join(', ')}`;
}

function named(count: number, what: string): string[] {
  return count === 0 ? [] : [`${count} ${what}`];
}
