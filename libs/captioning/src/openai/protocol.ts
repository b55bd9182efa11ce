import { withoutMarks, withoutReasoning } from '@hazure/concept-matching';
import { ConfigError } from '@hazure/contracts';
import { z } from 'zod';
import { captionText, isRefusal, looksLikeReasoning } from '../answer/caption-text.js';
import {
  BROKEN_OFF,
  completionSchema,
  CUT,
  FILTERED,
  gather,
  jsonValues,
  type Completion,
} from '../answer/completion.js';
import { serverErrorOf, type ServerError } from '../answer/server-error.js';

/** What hazure sends: the part of OpenAI's chat completions that vLLM, llama.cpp and Ollama all speak. */
export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } };

/** A JSON Schema that the answer is to follow; servers that have no such thing answer in words. */
export interface ResponseFormat {
  readonly type: 'json_schema';
  readonly json_schema: { readonly name: string; readonly strict: true; readonly schema: object };
}

export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: 'user'; readonly content: string | readonly ContentPart[] }[];
  readonly max_tokens: number;
  readonly temperature: number;
  readonly seed: number;
  readonly response_format?: ResponseFormat | undefined;
}

/** A response format for one object of the given properties, all of them required. */
export function responseFormat(name: string, properties: Readonly<Record<string, object>>): ResponseFormat {
  const schema = {
    type: 'object',
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
  };
  return { type: 'json_schema', json_schema: { name, strict: true, schema } };
}

const modelListSchema = z.union([
  z.object({ data: z.array(z.object({ id: z.string() })) }),
  z.object({ models: z.array(z.object({ name: z.string() })) }),
]);

/**
 * Why an answer is none, and whether asking again may help: `broken` (half an answer: it may), `declined` (empty,
 * refused, cut inside its reasoning: a model that answers the same question alike declines again) or `useless` (it
 * can't).
 */
export class AnswerError extends Error {
  constructor(
    message: string,
    readonly kind: 'broken' | 'declined' | 'useless' = 'broken',
  ) {
    super(message);
  }
}

/** An error that a server put into an answer with a status of success. */
export class ServerAnswerError extends Error {
  constructor(readonly error: ServerError) {
    super(error.message);
  }
}

/** The JSON values in a body. @throws AnswerError for a web page, an empty body and broken JSON */
function readJson(body: string): unknown[] {
  if (body.trim() === '') throw new AnswerError('the answer has no body');
  if (/^\s*(?:<!doctype html|<html|<head|<body)/i.test(body)) {
    const title = /<title[^>]*>([^<]*)/i.exec(body)?.[1] ?? body.replace(/<[^>]*>/g, ' ');
    throw new AnswerError(`a web page came instead of an answer: ${excerpt(title)}`, 'useless');
  }
  try {
    return jsonValues(body);
  } catch {
    throw new AnswerError(`the answer is no JSON: ${excerpt(body)}`);
  }
}

/**
 * The text of a chat completion, whole or streamed, without reasoning and without marks of chat formats.
 *
 * @throws AnswerError for broken JSON, another shape, no choices, a refused or an empty answer, or one that was cut
 *   inside its reasoning; ServerAnswerError for an error in place of an answer
 */
export function answerText(body: string): string {
  const completion = readCompletion(body);
  const { text, insideReasoning } = withoutReasoning(completion.text);
  const cut = completion.finish !== null && CUT.test(completion.finish);
  const plain = withoutMarks(text);
  if (plain === '' && (insideReasoning || (cut && completion.reasoned))) throw cutInside(cut);
  if (plain === '' && (completion.reasoned || completion.text.trim() !== '')) {
    throw new AnswerError('the answer holds nothing besides reasoning and marks', 'declined');
  }
  if (plain === '') throw new AnswerError('the answer is empty', 'declined');
  if (cut && looksLikeReasoning(plain)) throw cutInside(cut);
  return plain;
}

function cutInside(byLimit: boolean): AnswerError {
  return new AnswerError(
    byLimit
      ? 'the answer was cut inside its reasoning: serve the model with thinking switched off, or one that answers directly'
      : 'the answer ends inside its reasoning',
    'declined',
  );
}

function readCompletion(body: string): Completion {
  const values = readJson(body);
  const pieces = [];
  for (const value of values) {
    const piece = completionSchema.safeParse(value);
    const error = piece.success && piece.data.choices.length > 0 ? null : serverErrorOf(value);
    if (error !== null) throw new ServerAnswerError(error);
    if (!piece.success) throw new AnswerError(`the answer is no chat completion: ${excerpt(body)}`);
    pieces.push(piece.data);
  }
  const completion = gather(pieces);
  if (completion.choices === 0) throw new AnswerError('the answer has no choices');
  const error = completion.error === undefined ? null : serverErrorOf({ error: completion.error });
  if (error !== null) throw new ServerAnswerError(error);
  const { finish, refusal } = completion;
  if (refusal.trim() !== '') throw new AnswerError(`the model refused: ${excerpt(refusal)}`, 'declined');
  if (finish !== null && FILTERED.test(finish))
    throw new AnswerError('the server’s content filter refused', 'declined');
  if (finish !== null && BROKEN_OFF.test(finish))
    throw new AnswerError(`the server broke its answer off (${finish})`);
  return completion;
}

/**
 * The caption in a chat completion: {@link answerText} without what models wrap around a sentence.
 *
 * @throws AnswerError and ServerAnswerError as answerText, and where the model declines in words
 */
export function answerCaption(body: string): string {
  const answer = answerText(body);
  const caption = captionText(answer);
  if (caption === '') throw new AnswerError(`the answer names nothing: ${excerpt(answer)}`, 'declined');
  if (isRefusal(caption)) throw new AnswerError(`the model refused: ${excerpt(caption)}`, 'declined');
  return caption;
}

/** Names of the models that a server offers (`GET /v1/models`). */
export function modelNames(body: string): string[] {
  const [value] = readJson(body);
  const parsed = modelListSchema.safeParse(value);
  if (parsed.success) {
    return 'data' in parsed.data
      ? parsed.data.data.map(({ id }) => id)
      : parsed.data.models.map(({ name }) => name);
  }
  const error = serverErrorOf(value);
  if (error !== null) throw new ServerAnswerError(error);
  throw new AnswerError(`the answer is no list of models: ${excerpt(body)}`);
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
