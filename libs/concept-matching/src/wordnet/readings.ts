import type { NounSense, WordNetDatabase } from './database.js';
import { nounForms } from './morphology.js';

/** One way to understand a phrase: a synset and how readily the phrase is understood so. */
export interface Reading {
  readonly synset: number;
  /** (0, 1]; 1 for the first choice. */
  readonly weight: number;
}

/** A phrase as WordNet knows it. */
export interface ResolvedPhrase {
  /** The form found, e.g. `cellphone` for `cell phones`. */
  readonly lemma: string;
  readonly readings: readonly Reading[];
  /** True when at least one sense is a thing that can be seen. */
  readonly visible: boolean;
}

/**
 * Lexicographer files (lexnames(5WN)) of things that a camera can see: Tops, animal, artifact, body, food,
 * object, person, plant, substance.
 */
const VISIBLE_FILES: ReadonlySet<number> = new Set([3, 5, 6, 8, 13, 17, 18, 20, 27]);
const PERSON_FILE = 18;

/**
 * Weights of the first, second, … visible sense. Two second choices must not meet above the default
 * `lim1` of 0.8 (WordNet lists `dog` and `hot dog` as words for a frankfurter: 0.85² = 0.72), one may
 * (`computer mouse` is the second visible sense of `mouse`).
 */
const RANK_WEIGHTS = [1, 0.85, 0.75, 0.65, 0.55] as const;

/** Weight of a phrase that is known only by its last words: `sports ball` as a ball. */
const BACK_OFF_WEIGHT = 0.9;

/**
 * The senses under which a word can name a visible thing, in WordNet's order; all of its senses when none is
 * visible. Persons are left out of words that also name another thing (`bear`, `toaster`, `hot dog`), unless
 * that is the word's most frequent meaning (`driver`): otherwise a dog would be a kind of person.
 */
function visibleSenses(
  senses: readonly NounSense[],
  lexicographerFile: (synset: number) => number,
): { senses: readonly NounSense[]; visible: boolean } {
  const visible = senses.filter(({ synset }) => VISIBLE_FILES.has(lexicographerFile(synset)));
  if (visible.length === 0) return { senses, visible: false };
  const things = visible.filter(({ synset }) => lexicographerFile(synset) !== PERSON_FILE);
  if (things.length === 0 || things.length === visible.length) return { senses: visible, visible: true };
  const mostTagged = Math.max(...visible.map(({ tagCount }) => tagCount));
  const personLeads = visible.some(
    ({ synset, tagCount }) =>
      lexicographerFile(synset) === PERSON_FILE && tagCount > 0 && tagCount === mostTagged,
  );
  return { senses: personLeads ? visible : things, visible: true };
}

/** Spellings under which WordNet may list a phrase: as it is, joined (`wine glass` → `wineglass`), hyphened. */
function spellings(phrase: string): string[] {
  const words = phrase.split(' ');
  return words.length === 2 ? [phrase, words.join(''), words.join('-')] : [phrase];
}

/** The phrase itself in WordNet (also in the singular, joined or hyphened); null when it is not there. */
export function resolveExactly(database: WordNetDatabase, phrase: string): ResolvedPhrase | null {
  for (const spelling of spellings(phrase)) {
    for (const lemma of nounForms(spelling)) {
      const all = database.nounSenses(lemma);
      if (all.length === 0) continue;
      const { senses, visible } = visibleSenses(all, (s) => database.taxonomy.lexicographerFile(s));
      const readings = senses.map(({ synset }, rank) => ({
        synset,
        weight: RANK_WEIGHTS[Math.min(rank, RANK_WEIGHTS.length - 1)],
      }));
      return { lemma, readings, visible };
    }
  }
  return null;
}

/** The phrase, or else its longest end that WordNet knows (`fluorescent tube light` → `light`), at less weight. */
export function resolveLabel(database: WordNetDatabase, phrase: string): ResolvedPhrase | null {
  const exact = resolveExactly(database, phrase);
  if (exact !== null) return exact;
  const words = phrase.split(' ');
  for (let first = 1; first < words.length; first++) {
    const part = resolveExactly(database, words.slice(first).join(' '));
    if (part === null) continue;
    return {
      ...part,
      readings: part.readings.map(({ synset, weight }) => ({ synset, weight: weight * BACK_OFF_WEIGHT })),
    };
  }
  return null;
}
