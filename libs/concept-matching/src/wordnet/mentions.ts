import { normaliseText } from '../text.js';
import type { WordNetDatabase } from './database.js';
import { nounForms } from './morphology.js';
import { resolveExactly } from './readings.js';

/** A thing that a caption names. */
export interface Mention {
  /** Normalised words, e.g. `fire truck`. */
  readonly phrase: string;
  /** True for what the caption is about: the first noun phrase, through any `of` (a group of zebras). */
  readonly subject: boolean;
}

/** Captions beyond this many characters are read only so far: the subject stands at the beginning. */
const MAX_CAPTION_CHARACTERS = 2000;
const MAX_PHRASE_WORDS = 4;

/** Words that end a noun phrase. */
const BOUNDARIES = new Set(
  (
    'a an the this that these those its his her their my your our some any no each every another other ' +
    'one two three four five six seven eight nine ten several many few more most both all ' +
    'but nor while as if because so then than though ' +
    'in on at by for from to into onto over under with without within near next beside besides between behind ' +
    'below above across against along among around before after inside outside through toward towards upon up ' +
    'down off out about like via per during beyond beneath underneath atop amid ' +
    'is are was were be been being am has have had having do does did can could may might must will would ' +
    'shall should appears appear seems seem looks look shows show depicts depict features contains contain ' +
    'it he she they them him i we you who which what where when there here not very quite too also just only ' +
    'visible taken seen'
  ).split(' '),
);

/** Nouns that speak of the picture, a share or a place in it, not of the thing shown. */
const SCAFFOLDING = new Set(
  (
    'image picture photo photograph photography shot snapshot view scene frame close-up closeup foreground ' +
    'background left right centre center middle upper lower top bottom side front back edge corner part portion piece pair ' +
    'group set lot number couple variety collection bunch row kind type sort example thing object item ' +
    'color colour shade size area'
  ).split(' '),
);

/** Colour words are modifiers, also where WordNet knows them as nouns (a Red, an orange). */
const COLOURS = new Set(
  (
    'red orange yellow green blue purple pink brown black white grey gray silver gold golden beige tan cream ' +
    'teal turquoise maroon navy violet dark light bright'
  ).split(' '),
);

interface Token {
  /** One word, or a label of several. */
  readonly word: string;
  /** Punctuation stood before it. */
  readonly afterBreak: boolean;
}

function tokenise(caption: string): Token[] {
  const tokens: Token[] = [];
  let afterBreak = false;
  const pattern = /[\p{L}\p{N}]+(?:['’.-][\p{L}\p{N}]+)*|[^\s]/gu;
  for (const [found] of normaliseText(caption.slice(0, MAX_CAPTION_CHARACTERS)).matchAll(pattern)) {
    if (!/^[\p{L}\p{N}]/u.test(found)) {
      afterBreak = true;
      continue;
    }
    const possessive = /^(.+)['’]s$/u.exec(found);
    tokens.push({ word: possessive ? possessive[1] : found, afterBreak });
    // A zebra's head: the owner and the part are named apart.
    afterBreak = possessive !== null;
  }
  return tokens;
}

interface Phrase {
  readonly words: readonly string[];
  readonly joinedByOf: boolean;
}

/**
 * Finds the nouns of a caption: text between determiners, prepositions, verbs and punctuation is a noun phrase;
 * inside it collocations that are a label or in WordNet are taken whole (so that `hot dog` holds no
 * dog), and the last one that names a visible thing is the phrase's head. Modifiers are not mentions. A phrase of
 * which WordNet knows no word counts as itself, so that labels outside WordNet can still match word for word.
 */
export class MentionFinder {
  private readonly longestLabelWords: number;

  constructor(
    private readonly database: WordNetDatabase,
    /** Normalised labels; they count as collocations. */
    private readonly labels: ReadonlySet<string>,
  ) {
    this.longestLabelWords = Math.max(0, ...Array.from(labels, (label) => label.split(' ').length));
  }

  find(caption: string): Mention[] {
    const mentions: Mention[] = [];
    let subjectOpen = true;
    for (const { words, joinedByOf } of this.phrases(this.joinLabels(tokenise(caption)))) {
      if (mentions.length > 0 && !joinedByOf) subjectOpen = false;
      const phrase = this.head(words);
      if (phrase !== null) mentions.push({ phrase, subject: subjectOpen });
    }
    return mentions;
  }

  /** Labels of several words become one token, whatever their words mean alone (dining table, parking meter). */
  private joinLabels(tokens: readonly Token[]): Token[] {
    if (this.longestLabelWords < 2) return [...tokens];
    const joined: Token[] = [];
    for (let first = 0; first < tokens.length;) {
      let word = tokens[first].word;
      let count = 1;
      let phrase = word;
      for (let next = 1; next < this.longestLabelWords && first + next < tokens.length; next++) {
        if (tokens[first + next].afterBreak) break;
        phrase += ` ${tokens[first + next].word}`;
        if (this.isLabel(phrase)) {
          word = phrase;
          count = next + 1;
        }
      }
      joined.push({ word, afterBreak: tokens[first].afterBreak });
      first += count;
    }
    return joined;
  }

  private phrases(tokens: readonly Token[]): Phrase[] {
    const phrases: Phrase[] = [];
    let words: string[] = [];
    let joinedByOf = false;
    const close = (nextJoinedByOf: boolean): void => {
      if (words.length > 0) phrases.push({ words, joinedByOf });
      // A group of zebras, but not: smoke coming out of a building.
      if (words.length > 0) joinedByOf = nextJoinedByOf;
      words = [];
    };
    for (const { word, afterBreak } of tokens) {
      const joins = word === 'and' || word === 'or';
      // An orange and white truck; a large, red truck: the noun is still to come.
      if ((afterBreak || joins) && !words.every((each) => this.isModifier(each))) close(false);
      if (joins) continue;
      if (word === 'of') close(true);
      else if (BOUNDARIES.has(word)) close(false);
      else if (words.length > 0 && this.isVerb(word)) close(false);
      else words.push(word);
    }
    close(false);
    return phrases;
  }

  /** An inflected form after a noun that is a verb more often than a noun: `a zebra walks`. */
  private isVerb(word: string): boolean {
    if (this.isLabel(word)) return false;
    const asVerb = this.database.verbCount(word);
    return asVerb > 0 && asVerb > this.nounCount(word);
  }

  private isModifier(word: string): boolean {
    if (COLOURS.has(word)) return true;
    return this.database.adjectiveCount(word) > this.nounCount(word);
  }

  private nounCount(word: string): number {
    for (const form of nounForms(word)) {
      const senses = this.database.nounSenses(form);
      if (senses.length > 0) return senses.reduce((sum, { tagCount }) => sum + tagCount, 0);
    }
    return 0;
  }

  /** The last label or visible thing of a noun phrase; else its last modifier, abstract noun or unknown word. */
  private head(words: readonly string[]): string | null {
    let head: string | null = null;
    let fallback: string | null = null;
    for (let first = 0; first < words.length;) {
      const { phrase, count, visible } = this.longestUnit(words, first);
      first += count;
      if (this.isLabel(phrase)) head = phrase;
      else if (SCAFFOLDING.has(phrase)) continue;
      else if (visible && !(count === 1 && this.isModifier(phrase))) head = phrase;
      else fallback = phrase;
    }
    return head ?? fallback;
  }

  private longestUnit(
    words: readonly string[],
    first: number,
  ): { phrase: string; count: number; visible: boolean } {
    // In a caption a colour is a colour: a black cat is no fisher (black cat), a red horse no fish (redhorse).
    const most = COLOURS.has(words[first]) ? 1 : Math.min(MAX_PHRASE_WORDS, words.length - first);
    for (let count = most; count > 1; count--) {
      const phrase = words.slice(first, first + count).join(' ');
      const resolved = resolveExactly(this.database, phrase);
      if (resolved !== null) return { phrase, count, visible: resolved.visible };
    }
    const word = words[first];
    return { phrase: word, count: 1, visible: resolveExactly(this.database, word)?.visible ?? false };
  }

  private isLabel(phrase: string): boolean {
    return nounForms(phrase).some((form) => this.labels.has(form));
  }
}
