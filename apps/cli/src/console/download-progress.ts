import type { PullProgress } from '@hazure/models';
import type { Session } from '../session.js';

/** Downloads as bars or lines of the session's progress, one after the other. */
export function downloadProgress(session: Session): {
  readonly update: (progress: PullProgress) => void;
  readonly finish: () => void;
} {
  let current: string | null = null;
  const finish = (): void => {
    if (current !== null) session.progress.finish('download');
    current = null;
  };
  return {
    update: ({ item, doneBytes, totalBytes }) => {
      if (item !== current) {
        finish();
        current = item;
        const size = totalBytes === null ? '' : ` (${Math.round(totalBytes / 2 ** 20)} MiB)`;
        session.logger.info(`Fetching ${item}${size}`);
      }
      session.progress.update({
        stage: 'download',
        done: Math.round(doneBytes / 2 ** 20),
        total: totalBytes === null ? null : Math.round(totalBytes / 2 ** 20),
        unit: 'MiB',
      });
    },
    finish,
  };
}
