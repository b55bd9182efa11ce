import { z } from 'zod';

export type PhaseCommand = 'learn' | 'detect' | 'run';

/** What the command line's help and the published JSON Schema need beside the schema itself. */
export interface OptionMeta {
  readonly group:
    | 'input'
    | 'models'
    | 'detection'
    | 'scoring'
    | 'semantics'
    | 'captions'
    | 'map'
    | 'measuring'
    | 'output'
    | 'running';
  /** What stands for the value in the help, e.g. `DIR`. */
  readonly placeholder?: string;
  /** Phases that know the option; absent means learn, detect and run. */
  readonly commands?: readonly PhaseCommand[];
}

export const folder = (): z.ZodString => z.string().min(1, 'needs a folder');
export const list = (): z.ZodArray<z.ZodString> =>
  z.array(z.string().trim().min(1)).min(1, 'needs at least one value');

/** `0-999,2000`: inclusive ranges and single indices, ascending or not. */
const INDEX_RANGES = /^\s*\d+\s*(-\s*\d+\s*)?(,\s*\d+\s*(-\s*\d+\s*)?)*$/;
export const indexRanges = (): z.ZodString => z.string().regex(INDEX_RANGES, 'must look like 0-999,2000');
