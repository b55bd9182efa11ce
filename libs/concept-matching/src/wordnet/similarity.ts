import type { ModelInfo, TextSimilarity } from '@hazure/contracts';
import { normaliseText } from '../text.js';
import { WordNetDatabase } from './database.js';
import { MentionFinder } from './mentions.js';
import { nounForms } from './morphology.js';
import { resolveExactly, resolveLabel, type ResolvedPhrase } from './readings.js';

/** A thing that a caption names beside its subject counts so much: still a match at the default `lim1` if it is the label itself. */
const MENTION_WEIGHT = 0.85;

/** Where kinds of a label begin and things that are merely related to it end: the default `lim1`. */
const KIND_FLOOR = 0.8;

const CACHED_PHRASES = 50_000;

interface LabelEntry {
  readonly normalised: string;
  readonly resolved: ResolvedPhrase | null;
}

interface LabelSet {
  readonly entries: readonly LabelEntry[];
  readonly finder: MentionFinder;
  /** Similarities of a phrase to every label. */
  readonly rows: Map<string, Float64Array>;
}

/**
 * Similarity of captions to labels on WordNet's noun taxonomy: no model, no network. It is a **taxonomy similarity,
 * not an embedding**: it sees which things a caption names and how they are classified, not colour, state or
 * activity. Per pair of synsets, caption side first:
 *
 * | relation | similarity |
 * | --- | --- |
 * | the same synset (synonyms, plurals) | 1 |
 * | the caption's is a kind of the label's (sedan → car) | 0.8 + 0.2 Lin, so 0.8…1 |
 * | any other (car → truck, dog → cat, vehicle → car) | 0.8 Lin, so below 0.8 |
 *
 * Lin (1998) with the intrinsic information content of Seco et al. (2004), see {@link NounTaxonomy}. So the default
 * `lim1` of 0.8 asks “is it this, or a kind of this?”, and 0.5 also accepts near relatives. The best pair counts,
 * weighed by sense order; a label that stands in the caption word for word has 1; things beside the caption's subject
 * count 0.85. Labels outside WordNet are compared by their last words, else word for word. The value is directed
 * (a sedan is a car, a car need not be a sedan) and lies in 0…1.
 */
export class WordNetSimilarity implements TextSimilarity {
  readonly name = 'wordnet-3.1';
  readonly info: ModelInfo = {
    name: this.name,
    sha256: null,
    licence: 'WordNet 3.0 license',
    device: 'cpu (no model)',
  };
  private readonly labelSets = new WeakMap<readonly string[], LabelSet>();

  constructor(private readonly database: WordNetDatabase = new WordNetDatabase()) {}

  /** rows = texts, cols = labels, row-major, each 0…1. Rejects with InputError when WordNet's files can't be read. */
  similarities(texts: readonly string[], labels: readonly string[]): Promise<Float64Array> {
    return Promise.resolve().then(() => this.compute(texts, labels));
  }

  private compute(texts: readonly string[], labels: readonly string[]): Float64Array {
    const set = this.labelSet(labels);
    const similarities = new Float64Array(texts.length * labels.length);
    texts.forEach((text, row) => {
      const best = similarities.subarray(row * labels.length, (row + 1) * labels.length);
      for (const { phrase, subject } of set.finder.find(text)) {
        const values = this.phraseRow(set, phrase);
        const weight = subject ? 1 : MENTION_WEIGHT;
        for (let i = 0; i < values.length; i++) best[i] = Math.max(best[i], weight * values[i]);
      }
      const whole = normaliseText(text);
      set.entries.forEach(({ normalised }, i) => {
        if (whole !== '' && whole === normalised) best[i] = 1;
      });
    });
    return similarities;
  }

  private labelSet(labels: readonly string[]): LabelSet {
    const known = this.labelSets.get(labels);
    if (known !== undefined && known.entries.length === labels.length) return known;
    const entries = labels.map((label) => {
      const normalised = normaliseText(label);
      return { normalised, resolved: resolveLabel(this.database, normalised) };
    });
    const names = new Set(entries.flatMap(({ normalised }) => nounForms(normalised)));
    const set = { entries, finder: new MentionFinder(this.database, names), rows: new Map() };
    this.labelSets.set(labels, set);
    return set;
  }

  private phraseRow(set: LabelSet, phrase: string): Float64Array {
    const known = set.rows.get(phrase);
    if (known !== undefined) return known;
    const resolved = resolveExactly(this.database, phrase);
    const row = Float64Array.from(set.entries, (label) => this.phraseToLabel(phrase, resolved, label));
    // Captions are free text: forget rather than grow without end.
    if (set.rows.size >= CACHED_PHRASES) set.rows.clear();
    set.rows.set(phrase, row);
    return row;
  }

  private phraseToLabel(phrase: string, resolved: ResolvedPhrase | null, label: LabelEntry): number {
    const forms = nounForms(phrase);
    const joined = forms.map(joinWords);
    if (nounForms(label.normalised).some((form) => joined.includes(joinWords(form)))) return 1;
    if (resolved === null || label.resolved === null) return 0;
    // Birthday cake: the label is the compound's head, so the sense that fits is the right one.
    const isHead = forms.some((form) => form.endsWith(` ${label.normalised}`));
    let best = 0;
    for (const said of resolved.readings) {
      for (const asked of label.resolved.readings) {
        const kind =
          said.synset !== asked.synset && this.database.taxonomy.isKindOf(said.synset, asked.synset);
        const weight = said.weight * (isHead && kind ? 1 : asked.weight);
        if (weight <= best) continue;
        best = Math.max(best, weight * this.synsetSimilarity(said.synset, asked.synset));
      }
    }
    return best;
  }

  private synsetSimilarity(said: number, asked: number): number {
    const { taxonomy } = this.database;
    if (said === asked) return 1;
    const lin = taxonomy.lin(said, asked);
    if (taxonomy.isKindOf(said, asked)) return KIND_FLOOR + (1 - KIND_FLOOR) * lin;
    return KIND_FLOOR * lin;
  }
}

/** `cell phone`, `cell-phone` and `cellphone` are one. */
function joinWords(phrase: string): string {
  return phrase.replace(/[\s-]+/g, '');
}
