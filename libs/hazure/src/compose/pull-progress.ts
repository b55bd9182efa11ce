import type { OnPullProgress } from '@hazure/models';
import type { Session } from '../session.js';

const MEBIBYTE = 2 ** 20;

/** While models are fetched: one line per bundle, a bar or a line every few seconds in between. */
export function pullProgress({ logger, progress }: Pick<Session, 'logger' | 'progress'>): OnPullProgress {
  const announced = new Set<string>();
  const announce = (key: string, message: string): void => {
    if (!announced.has(key)) logger.info(message);
    announced.add(key);
  };
  return ({ bundle, phase, item, doneBytes, totalBytes }) => {
    if (phase === 'convert') {
      announce(`convert ${bundle}`, `Converting ${item}`);
      return;
    }
    const size =
      totalBytes === null ? '' : ` (${(totalBytes / MEBIBYTE).toFixed(totalBytes < 1e7 ? 1 : 0)} MiB)`;
    announce(`fetch ${bundle}`, `Fetching ${bundle}${size}`);
    const stage = 'download';
    progress.update({
      stage,
      done: Math.round(doneBytes / MEBIBYTE),
      total: totalBytes === null ? null : Math.round(totalBytes / MEBIBYTE),
      unit: 'MiB',
    });
    if (doneBytes === totalBytes) progress.finish(stage);
  };
}
