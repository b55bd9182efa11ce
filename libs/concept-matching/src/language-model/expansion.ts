import { InterruptedError, messageOf, type TextGenerator } from '@hazure/contracts';
import type { Concept, ConceptList, ConceptRelation } from '../concept-list.js';
import { normaliseText, quote } from '../text.js';
import { parseConceptAnswer } from './answer.js';

/** What a language model can be asked about a class. */
export type PromptType = Extract<ConceptRelation, 'important' | 'similar' | 'context' | 'condition'>;

/** `important` is the Python script's default. */
const QUESTIONS: Record<PromptType, (name: string) => string> = {
  important: (name) =>
    `Which words best say what a photo of ${name} normally shows: its kinds and most important parts?`,
  similar: (name) => `Which objects look or work much like ${name} and are often found in its place?`,
  context: (name) => `Which objects are normally seen together with ${name}?`,
  condition: (name) => `In which normal states or conditions is ${name} seen? Name each with its noun.`,
};

const FORMAT = 'Answer only with a JSON array of short English nouns or noun phrases, without explanations.';

export interface LanguageExpansionOptions {
  /** Default `important` alone. */
  readonly promptTypes?: readonly PromptType[];
  /** Most concepts per class and prompt type; default 12. */
  readonly limit?: number;
}

export interface LanguageExpansion {
  readonly concepts: readonly Concept[];
  /** Classes of which a question failed or was answered with nothing usable. */
  readonly failures: ConceptList['failures'];
}

const DEFAULT_LIMIT = 12;

/**
 * Related concepts per label, asked of a language model; each keeps the prompt type as its relation, and the model's
 * name as its source. An unusable answer is asked for once more, in other words; a failed question is recorded, and the
 * others go on. Concepts that are labels already, or were already found, are left out.
 *
 * @throws InterruptedError when aborted
 */
export async function expandWithLanguageModel(
  labels: readonly string[],
  generator: TextGenerator,
  options: LanguageExpansionOptions = {},
  signal?: AbortSignal,
): Promise<LanguageExpansion> {
  const types = options.promptTypes ?? ['important'];
  const limit = options.limit ?? DEFAULT_LIMIT;
  const questions = labels.flatMap((parent) => types.map((type) => ({ parent, type })));
  const answers = await Promise.all(
    questions.map(async ({ parent, type }) => {
      try {
        return { parent, type, names: await ask(parent, type, generator, limit, signal), error: null };
      } catch (error) {
        if (error instanceof InterruptedError) throw error;
        return { parent, type, names: [], error: messageOf(error) };
      }
    }),
  );

  const seen = new Set(labels.map(normaliseText));
  const concepts: Concept[] = [];
  const failures: ConceptList['failures'] = [];
  for (const { parent, type, names, error } of answers) {
    if (error !== null) failures.push({ parent, message: `${type}: ${error}` });
    for (const label of names) {
      const key = normaliseText(label);
      if (seen.has(key)) continue;
      seen.add(key);
      concepts.push({ label, parent, relation: type, source: generator.info.name, evidence: null });
    }
  }
  return { concepts, failures };
}

async function ask(
  parent: string,
  type: PromptType,
  generator: TextGenerator,
  limit: number,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const question = QUESTIONS[type](quote(parent.replace(/<\|[^|]*\|>/g, ' ')));
  const prompts = [
    `${question} Name at most ${limit}. ${FORMAT}`,
    `${FORMAT} Write nothing but the array, for example ["first", "second"].\n${question}`,
  ];
  let last = '';
  for (const prompt of prompts) {
    last = await generator.generate(prompt, signal);
    const names = parseConceptAnswer(last, limit);
    if (names.length > 0) return names;
  }
  throw new Error(`the answer names no concept: ${quote(last, 120)}`);
}
