import { ConfigError } from '@hazure/contracts';
import { z } from 'zod';

/** What hazure sends: the part of OpenAI's chat completions that vLLM, llama.cpp and Ollama all speak. */
export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } };

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: 'user'; readonly content: string | readonly ContentPart[] }[];
  readonly max_tokens: number;
  readonly temperature: number;
  readonly seed: number;
}

/** What it reads of the answer; servers add keys of their own. */
const chatResponseSchema = z.object({
  choices: z.array(
    z.object({
      finish_reason: z.string().nullish(),
      message: z.object({
        content: z
          .union([z.string(), z.array(z.object({ type: z.string(), text: z.string().optional() }))])
          .nullish(),
      }),
    }),
  ),
});

const modelListSchema = z.object({ data: z.array(z.object({ id: z.string() })) });

/** An answer that is no usable answer; the message says what was wrong with it. */
export class AnswerError extends Error {}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw new AnswerError(`the answer is no JSON: ${excerpt(body)}`);
  }
}

/**
 * The text of a chat completion.
 *
 * @throws AnswerError for broken JSON, another shape, no choices, a refused or an empty answer
 */
export function answerText(body: string): string {
  const parsed = chatResponseSchema.safeParse(parseJson(body));
  if (!parsed.success) throw new AnswerError(`the answer is no chat completion: ${excerpt(body)}`);
  const [choice] = parsed.data.choices;
  if (choice === undefined) throw new AnswerError('the answer has no choices');
  if (choice.finish_reason === 'content_filter') throw new AnswerError('the server’s content filter refused');
  const { content } = choice.message;
  const text =
    typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join('');
  if (text.trim() === '') throw new AnswerError('the answer is empty');
  return text.trim();
}

/** Names of the models that a server offers (`GET /v1/models`). */
export function modelNames(body: string): string[] {
  const parsed = modelListSchema.safeParse(parseJson(body));
  if (!parsed.success) throw new AnswerError(`the answer is no list of models: ${excerpt(body)}`);
  return parsed.data.data.map(({ id }) => id);
}

/** One line of a server's answer, for messages. */
export function excerpt(body: string): string {
  const line = body.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return JSON.stringify(line.length > 160 ? `${line.slice(0, 160)}…` : line);
}

export interface Endpoints {
  readonly chat: string;
  readonly models: string;
}

/**
 * Endpoints of a server given as its root (`http://localhost:8000`), its API's base (`…/v1`) or the chat endpoint
 * itself.
 *
 * @throws ConfigError when it is no http(s) URL, or holds a user name or password
 */
export function endpointsOf(url: string): Endpoints {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new ConfigError(`The caption server must be a URL, got ${JSON.stringify(url)}`, {
      hint: 'Give it as http://localhost:8000/v1.',
    });
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw new ConfigError(`The caption server must be an http or https URL, got ${parsed.protocol}`, {
      hint: 'Give it as http://localhost:8000/v1.',
    });
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new ConfigError('The caption server’s URL must not hold a user name or password', {
      hint: 'Pass a key by the environment instead; it is sent as a bearer token.',
    });
  }
  const path = parsed.pathname.replace(/\/+$/, '');
  const base = path.endsWith('/chat/completions')
    ? path.slice(0, -'/chat/completions'.length)
    : path === ''
      ? '/v1'
      : path;
  const at = (suffix: string): string => `${parsed.origin}${base}${suffix}${parsed.search}`;
  return { chat: at('/chat/completions'), models: at('/models') };
}
