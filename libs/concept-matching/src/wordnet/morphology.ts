/** Irregular plurals of things that can be seen (WordNet's noun.exc is not part of the npm package). */
const IRREGULAR = new Map<string, string>(
  Object.entries({
    people: 'person',
    men: 'man',
    women: 'woman',
    children: 'child',
    feet: 'foot',
    teeth: 'tooth',
    geese: 'goose',
    mice: 'mouse',
    lice: 'louse',
    oxen: 'ox',
    dice: 'die',
    knives: 'knife',
    wives: 'wife',
    lives: 'life',
    leaves: 'leaf',
    loaves: 'loaf',
    wolves: 'wolf',
    calves: 'calf',
    halves: 'half',
    shelves: 'shelf',
    scarves: 'scarf',
    hooves: 'hoof',
    thieves: 'thief',
    elves: 'elf',
    cacti: 'cactus',
    fungi: 'fungus',
    antennae: 'antenna',
    larvae: 'larva',
    bacteria: 'bacterium',
    vertices: 'vertex',
    axes: 'axe',
    busses: 'bus',
    buses: 'bus',
    lenses: 'lens',
    skis: 'ski',
    taxis: 'taxi',
  }),
);

/** Plural endings and what replaces them, tried in order: the rules of WordNet's morphy(7WN) for nouns, plain `s` first (vases → vase, not vas). */
const ENDINGS: readonly (readonly [string, string])[] = [
  ['men', 'man'],
  ['s', ''],
  ['ches', 'ch'],
  ['shes', 'sh'],
  ['ses', 's'],
  ['xes', 'x'],
  ['zes', 'z'],
  ['ies', 'y'],
  ['oes', 'o'],
];

/**
 * Possible singular forms of an English noun or collocation, most likely first, the word itself first of all;
 * only the last word of a collocation changes. Nothing is looked up: the caller keeps the forms it knows.
 */
export function nounForms(lemma: string): string[] {
  const cut = Math.max(lemma.lastIndexOf(' '), lemma.lastIndexOf('-')) + 1;
  const head = lemma.slice(0, cut);
  const last = lemma.slice(cut);
  const irregular = IRREGULAR.get(last);
  if (irregular !== undefined) return [head + irregular, lemma];
  const forms = [lemma];
  if (last.length > 2 && !last.endsWith('ss')) {
    for (const [ending, replacement] of ENDINGS) {
      if (last.length > ending.length + 1 && last.endsWith(ending)) {
        forms.push(head + last.slice(0, last.length - ending.length) + replacement);
      }
    }
  }
  return forms;
}

const VERB_ENDINGS: readonly (readonly [string, string])[] = [
  ['ies', 'y'],
  ['es', 'e'],
  ['es', ''],
  ['s', ''],
  ['ed', 'e'],
  ['ed', ''],
  ['ing', 'e'],
  ['ing', ''],
];

/** Base forms that an inflected verb form could have; empty for a form without a verb's ending. */
export function verbBases(form: string): string[] {
  const bases: string[] = [];
  for (const [ending, replacement] of VERB_ENDINGS) {
    if (!form.endsWith(ending) || form.length < ending.length + 2) continue;
    const base = form.slice(0, form.length - ending.length) + replacement;
    bases.push(base);
    // sitting → sit
    if (replacement === '' && base.length > 2 && base.at(-1) === base.at(-2)) bases.push(base.slice(0, -1));
  }
  return bases;
}
