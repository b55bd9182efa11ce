import type { Concept, ConceptRelation } from '../concept-list.js';
import { normaliseText } from '../text.js';
import type { WordNetDatabase } from './database.js';
import { resolveExactly } from './readings.js';

/** Relations that WordNet can expand a label by. */
export type WordNetRelation = Extract<
  ConceptRelation,
  'synonym' | 'hyponym' | 'hypernym' | 'co-hyponym' | 'part'
>;

export interface WordNetExpansionOptions {
  /** Default: synonyms, kinds and parts. Hypernyms and co-hyponyms widen what counts as normal: ask for them. */
  readonly relations?: readonly WordNetRelation[];
  /** Most concepts per label and relation; default 12. */
  readonly limit?: number;
}

const DEFAULT_RELATIONS: readonly WordNetRelation[] = ['synonym', 'hyponym', 'part'];
const DEFAULT_LIMIT = 12;
const PART_MERONYM = '%p';

/**
 * Related concepts per label from WordNet's first visible sense of it, without a model or a network. Each concept
 * keeps the relation, and the synset as evidence. More general concepts come before more special ones (by how many
 * kinds they have), equal ones in WordNet's order. A concept is named by the synset's first word that is first of all
 * understood so, and left out when there is none: `bus` also names an old car, but must not make buses normal where
 * cars are. Labels outside WordNet give nothing; a concept that is one of the labels, or was already found, is left
 * out.
 */
export function expandWithWordNet(
  labels: readonly string[],
  database: WordNetDatabase,
  options: WordNetExpansionOptions = {},
): Concept[] {
  const relations = options.relations ?? DEFAULT_RELATIONS;
  const limit = options.limit ?? DEFAULT_LIMIT;
  const seen = new Set(labels.map(normaliseText));
  const concepts: Concept[] = [];
  for (const parent of labels) {
    const synset = resolveExactly(database, normaliseText(parent))?.readings[0]?.synset;
    if (synset === undefined) continue;
    for (const relation of relations) {
      let found = 0;
      for (const { label, from } of related(database, synset, relation)) {
        const key = normaliseText(label);
        if (found >= limit || seen.has(key)) continue;
        seen.add(key);
        found += 1;
        const evidence = database.taxonomy.offsetOf(from);
        concepts.push({ label, parent, relation, source: 'wordnet-3.1', evidence });
      }
    }
  }
  return concepts;
}

function related(
  database: WordNetDatabase,
  synset: number,
  relation: WordNetRelation,
): { label: string; from: number }[] {
  const { taxonomy } = database;
  const names = (of: number): string[] =>
    taxonomy
      .words(of)
      .filter((word) => resolveExactly(database, normaliseText(word))?.readings[0]?.synset === of);
  if (relation === 'synonym') return names(synset).map((label) => ({ label, from: synset }));
  const byGenerality = (synsets: readonly number[]): number[] =>
    [...new Set(synsets)].sort((a, b) => taxonomy.informationContent(a) - taxonomy.informationContent(b));
  const hyponyms = (of: number): number[] =>
    taxonomy.pointers(of).flatMap(({ symbol, synset: each }) => (symbol === '~' ? [each] : []));
  const synsets: Record<Exclude<WordNetRelation, 'synonym'>, () => readonly number[]> = {
    hyponym: () => byGenerality(hyponyms(synset)),
    hypernym: () => taxonomy.parents(synset),
    'co-hyponym': () =>
      byGenerality(taxonomy.parents(synset).flatMap(hyponyms)).filter((each) => each !== synset),
    part: () =>
      taxonomy
        .pointers(synset)
        .flatMap(({ symbol, synset: each }) => (symbol === PART_MERONYM ? [each] : [])),
  };
  return synsets[relation]().flatMap((from) =>
    names(from)
      .slice(0, 1)
      .map((label) => ({ label, from })),
  );
}
