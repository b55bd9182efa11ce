import { InputError, messageOf } from '@hazure/contracts';
import { z } from 'zod';
import { normaliseText } from './text.js';

/** How a concept is related to the label that it was expanded from. */
export const CONCEPT_RELATIONS = [
  'synonym',
  'hyponym',
  'hypernym',
  'co-hyponym',
  'part',
  'important',
  'similar',
  'context',
  'condition',
] as const;
export type ConceptRelation = (typeof CONCEPT_RELATIONS)[number];

/** A concept with where it came from. */
export const conceptSchema = z.strictObject({
  label: z.string().min(1).max(200),
  /** The class that it was expanded from. */
  parent: z.string().min(1),
  relation: z.enum(CONCEPT_RELATIONS),
  /** What named it, e.g. `wordnet-3.1`, `openai:qwen2-vl`. */
  source: z.string().min(1),
  /** Synset of a WordNet concept, e.g. `02961779`; the prompt's name for a language model's. */
  evidence: z.string().nullable(),
});
export type Concept = z.infer<typeof conceptSchema>;

/** `concepts.json` of a baseline: what counts as common, and where each concept came from. */
export const conceptListSchema = z.strictObject({
  format: z.literal('hazure-concepts/1'),
  /** Classes seen in the baseline. */
  classes: z.array(z.string()),
  /** Labels of `--concept-list`. */
  listed: z.array(z.string()),
  expansions: z.array(conceptSchema),
  /** Classes whose expansion failed or gave nothing usable, with the reason. */
  failures: z.array(z.strictObject({ parent: z.string(), message: z.string() })).default([]),
});
export type ConceptList = z.infer<typeof conceptListSchema>;

const MAX_LABEL_CHARACTERS = 200;

function invalid(source: string, message: string): InputError {
  return new InputError('INPUT_INVALID', `Concept list ${source}: ${message}`, {
    hint: 'Write one concept a line, a JSON array of strings, a JSON object of class → concepts, or use a concepts.json.',
  });
}

function labelsOfJson(value: unknown, source: string): string[] {
  if (Array.isArray(value)) {
    return value.map((each, i) => {
      if (typeof each !== 'string')
        throw invalid(source, `element ${i} must be a string, got ${typeof each}`);
      return each;
    });
  }
  if (typeof value !== 'object' || value === null) {
    throw invalid(source, `a list or an object expected, got ${value === null ? 'null' : typeof value}`);
  }
  const own = conceptListSchema.safeParse(value);
  if (own.success) {
    return [...own.data.classes, ...own.data.listed, ...own.data.expansions.map(({ label }) => label)];
  }
  return Object.entries(value).flatMap(([name, concepts]) => [
    name,
    ...labelsOfJson(concepts, `${source}, “${name}”`),
  ]);
}

/**
 * The labels of a `--concept-list` file, in order, each once: one a line (`#` begins a comment line), a JSON array of
 * strings, a JSON object of class → concepts (as the Python script's feature dictionary), or a `concepts.json`.
 *
 * @param source the file's name, for messages
 * @throws InputError INPUT_INVALID when JSON is broken, holds something else, or a label has over 200 characters;
 *   INPUT_EMPTY when there is no label
 */
export function parseConceptFile(text: string, source: string): string[] {
  const body = text.replace(/^\uFEFF/, '').trim();
  let labels: string[];
  if (body.startsWith('[') || body.startsWith('{')) {
    let value: unknown;
    try {
      value = JSON.parse(body);
    } catch (error) {
      throw invalid(source, messageOf(error));
    }
    labels = labelsOfJson(value, source);
  } else {
    labels = body.split(/\r?\n/).filter((line) => !line.trimStart().startsWith('#'));
  }
  const found = new Map<string, string>();
  for (const label of labels) {
    const key = normaliseText(label);
    if (key === '') continue;
    if (label.length > MAX_LABEL_CHARACTERS) {
      throw invalid(source, `a label may have ${MAX_LABEL_CHARACTERS} characters, one has ${label.length}`);
    }
    if (!found.has(key)) found.set(key, label.trim());
  }
  if (found.size === 0) {
    throw new InputError('INPUT_EMPTY', `Concept list ${source} names no concept`, {
      hint: 'Write at least one concept, or leave the option out.',
    });
  }
  return [...found.values()];
}
