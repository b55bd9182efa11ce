import { readFile } from 'node:fs/promises';
import {
  WordNetDatabase,
  WordNetSimilarity,
  expandWithWordNet,
  parseConceptFile,
} from '@hazure/concept-matching';
import { InputError, messageOf, type PhaseOptions, type TextSimilarity } from '@hazure/contracts';
import type { ConceptExpander } from '@hazure/pipeline';

/** How captions are compared with labels: the WordNet taxonomy. */
export function composeSimilarity(): TextSimilarity {
  return new WordNetSimilarity();
}

/** Where `--use-concept-list` finds related concepts. */
export function composeExpander(options: PhaseOptions): ConceptExpander | null {
  if (!options.useConceptList) return null;
  return {
    expand: async (labels) => ({ concepts: expandWithWordNet(labels, new WordNetDatabase()), failures: [] }),
  };
}

/** Labels of `--concept-list`. @throws InputError when the file can't be read or names nothing */
export async function listedConcepts(options: PhaseOptions): Promise<string[]> {
  if (options.conceptList === undefined) return [];
  let text: string;
  try {
    text = await readFile(options.conceptList, 'utf8');
  } catch (cause) {
    throw new InputError(
      'INPUT_MISSING',
      `Can't read the concept list ${options.conceptList}: ${messageOf(cause)}`,
      {
        cause,
        hint: 'Check the path given with --concept-list.',
      },
    );
  }
  return parseConceptFile(text, options.conceptList);
}
