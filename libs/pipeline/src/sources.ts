import type { RunWarnings } from './warnings.js';
import type {
  ImageList,
  ImageRef,
  PositionRange,
  SetAside,
  ShardStore,
  SourceStamp,
} from '@hazure/contracts';

/** What tells an image from a later one at the same place. */
export const sourceStamp = ({ bytes, modifiedMs }: Pick<ImageRef, 'bytes' | 'modifiedMs'>): SourceStamp => [
  bytes,
  modifiedMs ?? null,
];

/**
 * Sets aside every finished shard with an image whose size or time is another than when it was worked on. A time that
 * is not known, then or now, tells nothing.
 * @returns those shards; the reason names the first such image
 */
async function setChangedAside(shards: ShardStore, refs: ImageList): Promise<SetAside[]> {
  const aside: SetAside[] = [];
  for (const range of [...shards.finished]) {
    const known = shards.sourcesOf(range);
    if (known === null) continue;
    const reason = await firstChange(refs, range, known);
    if (reason !== null) aside.push(await shards.setAside(range, reason));
  }
  return aside;
}

async function firstChange(
  refs: ImageList,
  { from, to }: PositionRange,
  known: readonly SourceStamp[],
): Promise<string | null> {
  if (known.length !== to - from) return `it knows the sizes of ${known.length} images of ${to - from}`;
  let at = 0;
  for await (const ref of refs.from(from)) {
    const [bytes, modifiedMs] = sourceStamp(ref);
    const [oldBytes, oldMs] = known[at];
    if (bytes !== oldBytes) return `${ref.id} had ${oldBytes} bytes and has ${bytes} now`;
    if (modifiedMs !== null && oldMs !== null && modifiedMs !== oldMs) return `${ref.id} was changed since`;
    if (++at === known.length) return null;
  }
  return `the inputs end at image ${from + at}`;
}

/**
 * What a run that is gone on with says of its finished shards before anything is processed: those that were damaged, and
 * those whose images have changed since, are computed again.
 */
export async function checkFinished(
  shards: ShardStore,
  refs: ImageList,
  warnings: RunWarnings,
): Promise<void> {
  const tell = (code: string, aside: readonly SetAside[], what: string): void => {
    for (const { from, to, path, reason } of aside)
      warnings.add(
        code,
        `Images ${from} to ${to - 1} are computed again, because ${what}: ${reason}. It is kept as ${path}.`,
      );
  };
  tell('SHARD_DAMAGED', shards.damaged, 'their finished shard can not be used');
  tell('INPUT_CHANGED', await setChangedAside(shards, refs), 'not all of them are as they were');
}
