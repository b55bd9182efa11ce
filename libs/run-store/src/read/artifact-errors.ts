import { basename, dirname } from 'node:path';
import type { z } from 'zod';
import { InputError, messageOf } from '@hazure/contracts';

/** Where in a run folder something is wrong. */
export interface Place {
  /** Absolute path of the file. */
  readonly path: string;
  /** 1-based; absent where the file is read whole. */
  readonly line?: number;
}

const REMEDY =
  'Restore the file, or make the run again (learn for a baseline_… folder, detect for a detection_… one).';

function where({ path, line }: Place): string {
  return `${basename(path)}${line === undefined ? '' : `, line ${line}`} of ${dirname(path)}`;
}

/** @returns ARTIFACT_MISSING for a file that is not there, ARTIFACT_INVALID for one that can't be read */
export function unreadable(place: Place, cause: unknown): InputError {
  const missing = (cause as NodeJS.ErrnoException | null)?.code === 'ENOENT';
  return new InputError(
    missing ? 'ARTIFACT_MISSING' : 'ARTIFACT_INVALID',
    `${where(place)} ${missing ? 'is missing' : `can't be read: ${messageOf(cause)}`}`,
    { cause, hint: missing ? 'Give a finished baseline_… or detection_… folder, whole.' : REMEDY },
  );
}

/** @returns ARTIFACT_INVALID: the file was cut, edited or damaged */
export function damaged(place: Place, what: string, cause?: unknown): InputError {
  return new InputError('ARTIFACT_INVALID', `${where(place)} is damaged: ${what}`, { cause, hint: REMEDY });
}

/** @returns ARTIFACT_INVALID naming the first field that is wrong */
export function misshapen(place: Place, error: z.ZodError): InputError {
  const [first] = error.issues;
  const field = first === undefined || first.path.length === 0 ? 'the document' : first.path.join('.');
  const more = error.issues.length > 1 ? ` (and ${error.issues.length - 1} more)` : '';
  return damaged(place, `${field}: ${first?.message ?? 'has another shape'}${more}`, error);
}

/** @returns ARTIFACT_VERSION: the file is of a kind or version that this hazure does not read */
export function otherVersion(place: Place, expected: string, got: unknown): InputError {
  return new InputError(
    'ARTIFACT_VERSION',
    `${where(place)} has the format ${typeof got === 'string' ? got : 'of no hazure file'}, not ${expected}`,
    { hint: 'It was made by another version of hazure: use that one, or make the run again with this one.' },
  );
}
