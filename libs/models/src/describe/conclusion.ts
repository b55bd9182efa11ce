import { ModelError } from '@hazure/contracts';
import { declarationPath } from './declaration.js';

/**
 * Where a conclusion about a model comes from, strongest first: the declaration beside the file, what the file or the
 * configuration beside it says outright, names of its inputs and outputs, their shapes and the operations behind them,
 * and what is usual where nothing speaks.
 */
export const EVIDENCE = ['declaration', 'metadata', 'names', 'shapes', 'default'] as const;
export type Evidence = (typeof EVIDENCE)[number];

export type ConclusionPart =
  | 'head'
  | 'input size'
  | 'input layout'
  | 'preprocessing'
  | 'class names'
  | 'output'
  | 'vector'
  | 'masks'
  | 'inputs';

/** One thing that hazure concluded about a model file, and why. */
export interface Conclusion {
  readonly part: ConclusionPart;
  readonly value: string;
  readonly from: Evidence;
  readonly because: string;
}

/** `head: YOLOv8, 80 classes (shapes: …)` */
export function sentenceOf({ part, value, from, because }: Conclusion): string {
  return `${part}: ${value} (by ${from}: ${because})`;
}

/** A part of a declaration as the text to paste into `<model>.hazure.json`. */
export function declarationText(declaration: object): string {
  return JSON.stringify(declaration);
}

/** Nothing says how the model is to be read. @param declaration what to paste, with the user's values filled in */
export function unclear(path: string, reason: string, key: string, declaration?: object): ModelError {
  const example = declaration ? `, for example: ${declarationText(declaration)}` : '';
  return new ModelError('MODEL_UNSUPPORTED', `${path} can't be used as it is: ${reason}`, {
    hint: `Declare ${key} in ${declarationPath(path)} (docs/reference/models.md)${example}`,
  });
}

/** Several readings fit alike. @param readings each with what to declare to choose it */
export function ambiguous(
  path: string,
  what: string,
  readings: readonly { readonly reading: string; readonly declaration: object }[],
): ModelError {
  const choices = readings.map(({ reading, declaration }) => `${reading}: ${declarationText(declaration)}`);
  return new ModelError(
    'MODEL_AMBIGUOUS',
    `${path} can be read in ${readings.length} ways: ${what}. ${readings.map(({ reading }) => reading).join('; or ')}`,
    { hint: `Say which by one of these lines in ${declarationPath(path)}.\n  ${choices.join('\n  ')}` },
  );
}

/** The declaration and the file disagree about a fact. */
export function contradicted(path: string, declared: string, fact: string): ModelError {
  return new ModelError(
    'MODEL_CONTRADICTED',
    `The declaration of ${path} says ${declared}, but the file has ${fact}`,
    { hint: `Correct ${declarationPath(path)}, or take the model file that it was written for.` },
  );
}

/** The keys that have a value, so that a spread leaves the others alone. */
export function defined<T extends object>(
  value: T | undefined,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([, v]) => v !== undefined)) as never;
}
