import type { ModelInfo, TextGenerator } from '@hazure/contracts';
import { OpenAiClient, type OpenAiServer } from './client.js';
import { responseFormat, type ResponseFormat } from './protocol.js';

export interface OpenAiTextOptions extends OpenAiServer {
  readonly model: string;
  /** Default 512. */
  readonly maxTokens?: number;
  /** The answer's form, where the server can hold to one; default free text. */
  readonly format?: ResponseFormat;
}

/** A list of short phrases, as concept expansion asks for. */
export const PHRASE_LIST_FORMAT = responseFormat('phrases', {
  phrases: { type: 'array', items: { type: 'string' } },
});

/** Text by an OpenAI-compatible server, at temperature 0 with the given seed, free of reasoning. */
export class OpenAiTextGenerator implements TextGenerator {
  readonly info: ModelInfo;
  private readonly client: OpenAiClient;

  /** @throws ConfigError when the URL is none */
  constructor(private readonly options: OpenAiTextOptions) {
    this.client = new OpenAiClient(options);
    this.info = {
      name: `openai:${options.model}`,
      sha256: null,
      licence: null,
      device: `server ${new URL(options.url).origin}`,
    };
  }

  /** @throws HazureError CAPTION_FAILED or NETWORK_UNAVAILABLE; InterruptedError when aborted */
  generate(prompt: string, signal?: AbortSignal): Promise<string> {
    const { model, maxTokens = 512, seed, format } = this.options;
    const messages = [{ role: 'user', content: prompt }] as const;
    return this.client.chat(
      { model, messages, max_tokens: maxTokens, temperature: 0, seed, response_format: format },
      signal,
    );
  }
}
