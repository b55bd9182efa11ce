import { setTimeout as sleep } from 'node:timers/promises';
import { HazureError, InterruptedError, messageOf, type ErrorCode } from '@hazure/contracts';
import { Random } from '@hazure/numerics';
import pLimit from 'p-limit';
import { throwIfAborted } from '../abort.js';
import { AnswerError, answerText, endpointsOf, excerpt, modelNames, type ChatRequest } from './protocol.js';
import { TooLongError, Transport, type Answer, type Question } from './transport.js';
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

/**
 * Chat completions of an OpenAI-compatible server with bounded concurrency, timeouts and retries. A 429 or 503 with
 * `Retry-After` pauses all requests, not only the one that met it. A server that refuses the key or knows no such
 * model is not asked again.
 */
export class OpenAiClient {
  readonly concurrency: number;
  private readonly endpoints;
  private readonly slots;
  private readonly transport;
  private readonly retry: RetryPolicy;
  private readonly random: Random;
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
  }

  /**
   * The answer's text.
   *
   * @throws HazureError CAPTION_FAILED (refused, unusable answers), NETWORK_UNAVAILABLE (no connection, timeouts);
   *   InterruptedError when aborted
   */
  chat(request: ChatRequest, signal?: AbortSignal): Promise<string> {
    const body = JSON.stringify(request);
    return this.ask({ method: 'POST', body, url: this.endpoints.chat }, answerText, signal);
  }

  /** Names of the models that the server offers; errors as {@link chat}. */
  models(signal?: AbortSignal): Promise<string[]> {
    return this.ask({ method: 'GET', url: this.endpoints.models }, modelNames, signal);
  }

  /** Where questions go. */
  get endpoint(): string {
    return this.endpoints.chat;
  }

  /** Closes idle connections; requests under way end as usual. */
  close(): void {
    this.transport.close();
  }

  private ask<T>(
    question: Omit<Question, 'headers'>,
    read: (body: string) => T,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    return this.slots(async () => {
      for (let attempt = 1; ; attempt++) {
        throwIfAborted(signal);
        if (this.fatal !== null) throw this.failure(this.fatal, 0);
        await this.waitForPause(signal);
        try {
          const result = await this.attempt(question, read, signal);
          this.failuresInRow = 0;
          return result;
        } catch (error) {
          if (!(error instanceof AttemptError)) throw error;
          if (error.fatal) this.fatal = error;
          const attempts = this.failuresInRow >= DOWN_AFTER_FAILURES ? 1 : this.retry.attempts;
          if (!error.retryable || attempt >= attempts) {
            if (error.retryable) this.failuresInRow += 1;
            throw this.failure(error, attempt);
          }
          await this.waitToRetry(error, attempt, signal);
        }
      }
    });
  }

  private async attempt<T>(
    question: Omit<Question, 'headers'>,
    read: (body: string) => T,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const headers: Record<string, string> =
      this.server.apiKey === undefined ? {} : { authorization: `Bearer ${this.server.apiKey}` };
    const limits = { timeoutMs: this.server.timeoutMs ?? DEFAULT_TIMEOUT_MS, maxBytes: MAX_ANSWER_BYTES };
    try {
      const answer = await this.transport.ask({ ...question, headers }, limits, signal);
      if (answer.status < 200 || answer.status > 299) throw this.statusError(answer);
      return read(answer.body);
    } catch (error) {
      throwIfAborted(signal);
      if (error instanceof AttemptError) throw error;
      const code =
        error instanceof AnswerError || error instanceof TooLongError
          ? 'CAPTION_FAILED'
          : 'NETWORK_UNAVAILABLE';
      throw new AttemptError(messageOf(error), code, true);
    }
  }

  private statusError({ status, statusText, headers, body }: Answer): AttemptError {
    const message = `the server answered ${status} ${statusText}`.trimEnd() + `: ${excerpt(body)}`;
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
