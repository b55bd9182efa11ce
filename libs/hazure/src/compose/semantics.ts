import { readFile } from 'node:fs/promises';
import { OpenAiTextGenerator, PHRASE_LIST_FORMAT, serverModel } from '@hazure/captioning';
import {
  WordNetDatabase,
  WordNetSimilarity,
  expandWithLanguageModel,
  expandWithWordNet,
  parseConceptFile,
} from '@hazure/concept-matching';
import { InputError, messageOf, type Logger, type PhaseOptions, type TextGenerator } from '@hazure/contracts';
import type { StoreOptions } from '@hazure/models';
import type { ConceptExpander } from '@hazure/pipeline';
import { captionServer, captionerKind } from './captioner.js';

/**
 * Where `--use-concept-list` finds related concepts: the captioner's language model (a server, or Qwen2-VL in this
 * process), else WordNet. The model is reached only when concepts are asked for.
 */
export function composeExpander(
  options: PhaseOptions,
  store: StoreOptions,
  logger: Logger,
): ConceptExpander | null {
  if (!options.useConceptList) return null;
  if (captionerKind(options) === 'template') {
    return {
      expand: async (labels) => ({
        concepts: expandWithWordNet(labels, new WordNetDatabase()),
        failures: [],
        info: new WordNetSimilarity().info,
      }),
    };
  }
  return {
    expand: async (labels, signal) => {
      const generator = await textGenerator(options, store, logger, signal);
      const promptTypes = [options.conceptPrompt];
      return {
        ...(await expandWithLanguageModel(labels, generator, { promptTypes }, signal)),
        info: generator.info,
      };
    },
  };
}

async function textGenerator(
  options: PhaseOptions,
  store: StoreOptions,
  logger: Logger,
  signal: AbortSignal,
): Promise<TextGenerator> {
  if (options.captionUrl) {
    const server = captionServer(options, options.captionUrl, logger);
    return new OpenAiTextGenerator({
      ...server,
      format: PHRASE_LIST_FORMAT,
      model: await serverModel(server, options.captionModel, signal),
    });
  }
  const { composeQwen } = await import('./qwen.js');
  return composeQwen(options, store);
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
      { cause, hint: 'Check the path given with --concept-list.' },
    );
  }
  return parseConceptFile(text, options.conceptList);
}
