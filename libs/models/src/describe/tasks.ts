import { basename } from 'node:path';
import { ModelError } from '@hazure/contracts';

/** Ultralytics' names of its other exports, as they stand in file names. */
const BY_SUFFIX: Readonly<Record<string, string>> = {
  obb: 'obb',
  pose: 'pose',
  cls: 'classify',
  seg: 'segment',
};

const REFUSED: Readonly<Record<string, string>> = {
  obb: 'oriented boxes (obb): hazure crops upright boxes, and an angle has no place in them',
  pose: 'poses (key points)',
  classify: 'classification: it finds no boxes',
};

/** What the export was made for: its metadata, else its file name. */
export function taskOf(said: string | null, path: string): string | null {
  if (said !== null) return said;
  const suffix = /[-_](obb|pose|cls|seg)(?:[-_.]|$)/i.exec(basename(path))?.[1]?.toLowerCase();
  return suffix === undefined ? null : (BY_SUFFIX[suffix] ?? null);
}

/** @throws ModelError for tasks that give no upright boxes; the message names the task */
export function refuseOtherTasks(task: string | null, path: string): void {
  if (task === null || task === 'detect' || task === 'segment') return;
  const what = REFUSED[task] ?? task;
  throw new ModelError(
    'MODEL_UNSUPPORTED',
    `${path} does the task ${task}: ${what}; expected detect or segment`,
    {
      hint: 'Export a detection or segmentation model (without -pose, -cls or -obb in its name).',
    },
  );
}
