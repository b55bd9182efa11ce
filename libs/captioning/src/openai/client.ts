import { setTimeout as sleep } from 'node:timers/promises';
import { HazureError, InterruptedError, messageOf, type ErrorCode } from '@hazure/contracts';
import { Random } from '@hazure/numerics';
import pLimit from 'p-limit';
import { throwIfAborted } from '../abort.js';
import { serverErrorOf, type ServerError } from '../answer/server-error.js';
import {
  AnswerError,
  answerText,
  endpointsOf,
  excerpt,
  modelNames,
  ServerAnswerError,
  type ChatRequest,
} from './protocol.js';
import { RequestHabits } from './request-habits.js';
import { TooLongError, Transport, type Answer } from './transport.js';
import {
  backoffMs,
  DEFAULT_RETRY,
  isFatalStatus,
  isRetryableStatus,
  retryAfterMs,
  type RetryPolicy,
} from './retry.js';

export interface OpenAiServer {
  /** `http://localhost:8000`, `…/v1` or `…/v1/chat/completions`. */
  readonly url: string;
  /** Sent as a bearer token, never written anywhere. */
  readonly apiKey?: string;
  /** Requests under way at once; default 16. */
  readonly concurrency?: number;
  /** Of one attempt, answer included; default 120 s. */
  readonly timeoutMs?: number;
  readonly retry?: Partial<RetryPolicy>;
  /** Seeds the backoff's jitter. */
  readonly seed: number;
  /** What the server has refused to be asked; shared by clients of one server and model. Default: each its own. */
  readonly habits?: RequestHabits;
  /** Told once of each thing that the server refuses to be asked. */
  readonly onNotice?: (message: string) => void;
}

const DEFAULT_CONCURRENCY = 16;
const DEFAULT_TIMEOUT_MS = 120_000;
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** After so many requests in a row that no attempt got through, requests are tried once until one succeeds. */
const DOWN_AFTER_FAILURES = 8;

/** Why one attempt failed, and whether another may help. */
class AttemptError extends Error {
  constructor(
    message: string,
    readonly code: ErrorCode,
    readonly retryable: boolean,
    readonly pauseMs: number | null = null,
    readonly fatal = false,
  ) {
    super(message);
  }
}

/** The server refused a part of the question that it can be asked without. */
class ReshapedError extends Error {}

/** What an answer's body says went wrong: a field's words, or the body itself. */
function errorIn(body: string): ServerError {
  try {
    const error = serverErrorOf(JSON.parse(body.replace(/^\uFEFF/, '')));
    if (error !== null) return error;
  } catch {
    // No JSON: a page, or a line of text.
  }
  return { message: body.slice(0, 2000), status: null, params: [] };
}

/** One question in the shape that the server was last known to take. */
interface Asked<T> {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  /** What is to be asked; null: nothing is sent. */
  readonly request: ChatRequest | null;
  readonly read: (body: string) => T;
  readonly signal: AbortSignal | undefined;
}

interface Shaped {
  readonly sent: Readonly<Record<string, unknown>>;
  readonly version: number;
  readonly body: string;
}

/**
 * Chat completions of an OpenAI-compatible server with bounded concurrency, timeouts and retries. A 429 or 503 with
 * `Retry-After` pauses all requests, not only the one that met it. A server that refuses the key or knows no such
 * model is not asked again. A parameter that the server refuses is left out of this and all further requests, and what
 * was under way in the old shape is asked again in the new one (see {@link RequestHabits}).
 */
export class OpenAiClient {
  readonly concurrency: number;
  private readonly endpoints;
  private readonly slots;
  private readonly transport;
  private readonly retry: RetryPolicy;
  private readonly random: Random;
  private readonly habits: RequestHabits;
  private pause: Promise<unknown> = Promise.resolve();
  private fatal: AttemptError | null = null;
  private failuresInRow = 0;

  /** @throws ConfigError when the URL is none */
  constructor(private readonly server: OpenAiServer) {
    this.endpoints = endpointsOf(server.url);
    this.concurrency = Math.max(1, Math.floor(server.concurrency ?? DEFAULT_CONCURRENCY));
    this.slots = pLimit(this.concurrency);
    this.transport = new Transport(this.concurrency);
    this.retry = { ...DEFAULT_RETRY, ...server.retry };
    this.random = new Random(server.seed);
    this.habits = server.habits ?? new RequestHabits(server.onNotice);
  }

  /**
   * What `read` makes of the answer; without one its text, free of reasoning and of marks of chat formats.
   *
   * @param read of an answer's body; throws AnswerError for one that can't be used
   * @throws HazureError CAPTION_FAILED (refused, unusable answers), NETWORK_UNAVAILABLE (no connection, timeouts);
   *   InterruptedError when aborted
   */
  chat(
    request: ChatRequest,
    signal?: AbortSignal,
    read: (body: string) => string = answerText,
  ): Promise<string> {
    return this.ask({ method: 'POST', url: this.endpoints.chat, request, read, signal });
  }

  /** Names of the models that the server offers; errors as {@link chat}. */
  models(signal?: AbortSignal): Promise<string[]> {
    return this.ask({ method: 'GET', url: this.endpoints.models, request: null, read: modelNames, signal });
  }

  /** Where questions go. */
  get endpoint(): string {
    return this.endpoints.chat;
  }

  /** Closes idle connections; requests under way end as usual. */
  close(): void {
    this.transport.close();
  }

  private ask<T>(asked: Asked<T>): Promise<T> {
    const { request, signal } = asked;
    // Written before there is a slot, so that a free one never waits for it.
    let shaped = request === null ? null : this.shapeOf(request);
    return this.slots(async () => {
      for (let attempt = 1; ;) {
        throwIfAborted(signal);
        if (this.fatal !== null) throw this.failure(this.fatal, 0);
        await this.waitForPause(signal);
        if (request !== null && shaped?.version !== this.habits.version) shaped = this.shapeOf(request);
        try {
          const result = await this.attempt(asked, shaped);
          this.failuresInRow = 0;
          return result;
        } catch (error) {
          if (error instanceof ReshapedError) continue; // no attempt: the server has not looked at the question
          if (!(error instanceof AttemptError)) throw error;
          if (error.fatal) this.fatal = error;
          const attempts = this.failuresInRow >= DOWN_AFTER_FAILURES ? 1 : this.retry.attempts;
          if (!error.retryable || attempt >= attempts) {
            if (error.retryable) this.failuresInRow += 1;
            throw this.failure(error, attempt);
          }
          await this.waitToRetry(error, attempt, signal);
          attempt += 1;
        }
      }
    });
  }

  private shapeOf(request: ChatRequest): Shaped {
    const sent = this.habits.shape(request);
    return { sent, version: this.habits.version, body: JSON.stringify(sent) };
  }

  private async attempt<T>({ method, url, read, signal }: Asked<T>, shaped: Shaped | null): Promise<T> {
    const headers: Record<string, string> =
      this.server.apiKey === undefined ? {} : { authorization: `Bearer ${this.server.apiKey}` };
    const limits = { timeoutMs: this.server.timeoutMs ?? DEFAULT_TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES };
    const question = { method, url, headers, ...(shaped === null ? {} : { body: shaped.body }) };
    try {
      const answer = await this.transport.ask(question, limits, signal);
      if (answer.status < 200 || answer.status > 299) throw this.statusError(answer, shaped);
      return read(answer.body);
    } catch (error) {
      throwIfAborted(signal);
      if (error instanceof AttemptError || error instanceof ReshapedError) throw error;
      if (error instanceof ServerAnswerError) throw this.answeredError(error.error, shaped);
      if (error instanceof AnswerError) {
        // Sampled anew, a model may answer what it has declined; at temperature 0 it says the same again.
        const sampled = shaped !== null && shaped.sent['temperature'] !== 0;
        const retryable = error.kind === 'broken' || (error.kind === 'declined' && sampled);
        throw new AttemptError(error.message, 'CAPTION_FAILED', retryable);
      }
      const code = error instanceof TooLongError ? 'CAPTION_FAILED' : 'NETWORK_UNAVAILABLE';
      throw new AttemptError(messageOf(error), code, true);
    }
  }

  /** An error in an answer that claims success. */
  private answeredError(error: ServerError, shaped: Shaped | null): AttemptError | ReshapedError {
    const status = error.status ?? 400;
    if (shaped !== null && this.habits.learn(error, status, shaped.sent, shaped.version)) {
      return new ReshapedError();
    }
    const retryable = error.status === null || isRetryableStatus(error.status);
    const told = error.status === null ? '' : ` ${error.status}`;
    const message = `the server answered with an error${told}: ${excerpt(error.message)}`;
    const fatal = error.status !== null && isFatalStatus(error.status);
    return new AttemptError(message, 'CAPTION_FAILED', retryable, null, fatal);
  }

  private statusError(
    { status, statusText, headers, body }: Answer,
    shaped: Shaped | null,
  ): AttemptError | ReshapedError {
    const error = errorIn(body);
    if (shaped !== null && this.habits.learn(error, status, shaped.sent, shaped.version)) {
      return new ReshapedError();
    }
    const location = headers.location === undefined ? '' : ` (towards ${excerpt(headers.location)})`;
    const message = `the server answered ${status} ${statusText}`.trimEnd() + `${location}: ${excerpt(body)}`;
    const pauseMs = retryAfterMs(headers);
    const tooLong = pauseMs !== null && pauseMs > this.retry.maxRetryAfterMs;
    const retryable = isRetryableStatus(status) && !tooLong;
    const asked = tooLong ? ` (asks to wait ${Math.round(pauseMs / 1000)} s)` : '';
    return new AttemptError(message + asked, 'CAPTION_FAILED', retryable, pauseMs, isFatalStatus(status));
  }

  private async waitForPause(signal: AbortSignal | undefined): Promise<void> {
    let seen: Promise<unknown>;
    do {
      seen = this.pause;
      await seen;
      throwIfAborted(signal);
    } while (seen !== this.pause);
  }

  private async waitToRetry(error: AttemptError, failures: number, signal?: AbortSignal): Promise<void> {
    const jitterMs = backoffMs(this.retry, failures, this.random);
    if (error.pauseMs !== null) {
      // All requests pause; an aborted one must not end the pause of others, nor keep the process alive.
      const pause = sleep(error.pauseMs, undefined, { ref: false });
      this.pause = Promise.all([this.pause, pause]);
    }
    const delayMs = (error.pauseMs ?? 0) + jitterMs;
    try {
      await sleep(delayMs, undefined, signal === undefined ? {} : { signal });
    } catch (cause) {
      throw new InterruptedError('Captioning was interrupted', { cause });
    }
  }

  private failure(error: AttemptError, attempts: number): HazureError {
    const tries = attempts > 1 ? ` (${attempts} attempts)` : '';
    return new HazureError(error.code, `Caption server ${this.endpoints.chat}: ${error.message}${tries}`, {
      hint: error.fatal
        ? 'Check the URL, the model’s name and the key; then run again with --resume.'
        : 'Check that the server runs and keeps up; a resumed run asks only for what is missing.',
    });
  }
}
