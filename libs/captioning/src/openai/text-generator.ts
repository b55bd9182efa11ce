import type { ModelInfo, TextGenerator } from '@hazure/contracts';
import { OpenAiClient, type OpenAiServer } from './client.js';

export interface OpenAiTextOptions extends OpenAiServer {
  readonly model: string;
  /** Default 512. */
  readonly maxTokens?: number;
}

/** Free text by an OpenAI-compatible server, at temperature 0 with the given seed. */
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
    const { model, maxTokens = 512, seed } = this.options;
    return this.client.chat(
      { model, messages: [{ role: 'user', content: prompt }], max_tokens: maxTokens, temperature: 0, seed },
      signal,
    );
  }
}
