import {
  ConfigError,
  HazureError,
  InterruptedError,
  messageOf,
  type CaptionOutcome,
  type Captioner,
  type CaptionRequest,
  type ModelInfo,
} from '@hazure/contracts';
import { setImmediate } from 'node:timers/promises';
import pLimit from 'p-limit';
import { throwIfAborted } from '../abort.js';
import { CAPTION_PROMPT, promptFor } from '../prompt.js';
import { CaptionCache } from './caption-cache.js';
import { OpenAiClient, type OpenAiServer } from './client.js';
import { answerCaption, responseFormat } from './protocol.js';
import { cropJpeg, cropKey, cropPixels, dataUrl } from './crop-image.js';

export interface OpenAiCaptionerOptions extends OpenAiServer {
  /** The model's name on the server; without one the server must offer exactly one (see {@link openAiCaptioner}). */
  readonly model: string;
  /** Answers are kept here by crop; without a folder nothing is kept. */
  readonly cacheFolder?: string;
  readonly prompt?: string;
  /** Adds the detector's class name to the prompt; off by default, so that words are evidence of their own. */
  readonly classHint?: boolean;
  /** Longer side of the images sent; default 448. */
  readonly maxSidePx?: number;
  /** Default 96. */
  readonly maxTokens?: number;
}

const DEFAULT_MAX_SIDE_PX = 448;
const DEFAULT_MAX_TOKENS = 96;

/**
 * Part of every cache key: raise it when what is asked, or what is made of an answer, changes in a way that the options
 * don't tell. 2: reasoning and wrappers are taken off, answers are asked for in JSON where the server has that.
 */
const CACHE_VERSION = 2;

const CAPTION_FORMAT = responseFormat('caption', {
  caption: { type: 'string', description: 'one short sentence' },
});

/**
 * Captions by any OpenAI-compatible vision server (vLLM, llama.cpp, Ollama). Crops are encoded ahead of the requests,
 * so that a free slot never waits for a JPEG: with more crops than slots all slots are busy. At most three crops per
 * slot are held encoded.
 */
export class OpenAiCaptioner implements Captioner {
  readonly info: ModelInfo;
  private readonly client: OpenAiClient;
  private readonly cache: CaptionCache | null;
  private readonly ahead;
  private readonly source: string;

  /** @throws ConfigError when the URL is none */
  constructor(
    private readonly options: OpenAiCaptionerOptions,
    client?: OpenAiClient,
  ) {
    this.client = client ?? new OpenAiClient(options);
    this.cache = options.cacheFolder === undefined ? null : new CaptionCache(options.cacheFolder);
    this.ahead = pLimit(3 * this.client.concurrency);
    this.source = `openai:${options.model}`;
    this.info = {
      name: this.source,
      sha256: null,
      licence: null,
      device: `server ${new URL(options.url).origin}`,
    };
  }

  /**
   * One outcome per request, in order: a caption, or why there is none. Equal crops are asked for once.
   *
   * @throws InterruptedError when aborted; what was answered by then is in the cache
   */
  async caption(requests: readonly CaptionRequest[], signal?: AbortSignal): Promise<CaptionOutcome[]> {
    throwIfAborted(signal);
    const asked = new Map<string, Promise<string>>();
    const outcomes = await Promise.allSettled(
      requests.map((request) => this.ahead(() => this.captionOne(request, asked, signal))),
    );
    throwIfAborted(signal);
    return outcomes.map((outcome) => {
      if (outcome.status === 'fulfilled') {
        return { ok: true, caption: { text: outcome.value, source: this.source } };
      }
      const error: unknown = outcome.reason;
      if (error instanceof InterruptedError) throw error;
      const code = error instanceof HazureError ? error.code : 'CAPTION_FAILED';
      return { ok: false, code, message: messageOf(error) };
    });
  }

  close(): Promise<void> {
    this.client.close();
    return Promise.resolve();
  }

  private async captionOne(
    request: CaptionRequest,
    asked: Map<string, Promise<string>>,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    // Answers that have come free their slots first, so that the next requests leave before crops are prepared.
    await setImmediate();
    throwIfAborted(signal);
    const crop = cropPixels(request.region);
    const prompt = promptFor(
      this.options.prompt ?? CAPTION_PROMPT,
      this.options.classHint === true ? request.className : null,
    );
    const maxSidePx = this.options.maxSidePx ?? DEFAULT_MAX_SIDE_PX;
    const maxTokens = this.options.maxTokens ?? DEFAULT_MAX_TOKENS;
    const key = cropKey(
      crop,
      // The server too: many call whatever they serve by the same name.
      JSON.stringify([
        CACHE_VERSION,
        this.client.endpoint,
        this.options.model,
        prompt,
        maxSidePx,
        maxTokens,
        this.options.seed,
      ]),
    );
    const known = asked.get(key);
    if (known !== undefined) return known;
    const answer = (async () => {
      const cached = (await this.cache?.get(key)) ?? null;
      if (cached !== null) return cached;
      const url = dataUrl(await cropJpeg(crop, maxSidePx));
      const text = await this.client.chat(
        {
          model: this.options.model,
          messages: [
            {
              role: 'user',
              content: [
                { type: 'image_url', image_url: { url } },
                { type: 'text', text: prompt },
              ],
            },
          ],
          max_tokens: maxTokens,
          temperature: 0,
          seed: this.options.seed,
          response_format: CAPTION_FORMAT,
        },
        signal,
        answerCaption,
      );
      await this.cache?.set(key, text);
      return text;
    })();
    asked.set(key, answer);
    return answer;
  }
}

/**
 * A captioner for the given model, or for the server's only model when none is named.
 *
 * @throws ConfigError when the server offers several models or none; HazureError when it can't be reached
 */
export async function openAiCaptioner(
  options: Omit<OpenAiCaptionerOptions, 'model'> & { readonly model?: string | undefined },
  signal?: AbortSignal,
): Promise<OpenAiCaptioner> {
  const model = await serverModel(options, options.model, signal);
  return new OpenAiCaptioner({ ...options, model });
}

/** The model named, or the server's only one. */
export async function serverModel(
  server: OpenAiServer,
  named: string | undefined,
  signal?: AbortSignal,
): Promise<string> {
  if (named !== undefined) return named;
  const offered = await new OpenAiClient(server).models(signal);
  if (offered.length === 1) return offered[0];
  const list = offered.length === 0 ? 'none' : offered.slice(0, 20).join(', ');
  throw new ConfigError(`The caption server must be asked for one model; it offers ${list}`, {
    hint: 'Name one with --caption-model.',
  });
}
