import type { ServerError } from '../answer/server-error.js';

/** Keys of a request that it can do without, and what is asked instead where that is something else. */
const OTHER_NAMES: Readonly<Record<string, string>> = { max_tokens: 'max_completion_tokens' };
const NEEDED = new Set(['model', 'messages']);

/** How servers speak of a key inside a larger one, or in another spelling. */
const ALSO_NAMED: Readonly<Record<string, readonly string[]>> = {
  response_format: [
    ...['json_schema', 'json schema', 'structured output', 'structured outputs', 'guided', 'grammar'],
    ...['additionalProperties', 'additional_properties', 'guided_json'],
  ],
};

const REFUSING =
  /unsupported|not (?:yet )?(?:supported|permitted|allowed|implemented|recogni[sz]ed|available|valid|accept)|does(?:n['’]t| not) (?:support|exist|accept)|unknown|unrecogni[sz]ed|unexpected|extra (?:input|field)|invalid|illegal|cannot find field|no such|deprecated|forbidden|only the default|must be|must not|should not|remove|additional properties/i;
/** Too long a question is a matter of that question. */
const TOO_LONG = /context (?:length|window|size)|maximum context|too (?:large|long|many)|exceed/i;

function names(message: string, word: string): boolean {
  const escaped = word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<![\\w-])${escaped}(?![\\w-])`, 'i').test(message);
}

/**
 * What a server has refused to be asked, learnt once and kept for all further requests: a key that it knows under
 * another name is sent under that one, another is left out. One object may serve several clients of one server and model.
 */
export class RequestHabits {
  private readonly refused = new Set<string>();
  private count = 0;

  /** @param onLearnt told once per key, in a sentence for a person */
  constructor(private readonly onLearnt: (message: string) => void = () => undefined) {}

  /** Raised whenever something was learnt: requests built under a smaller number are out of date. */
  get version(): number {
    return this.count;
  }

  /** Whether a key is left out or renamed. */
  hasRefused(key: string): boolean {
    return this.refused.has(key);
  }

  /** The request as this server takes it. */
  shape(request: object): Record<string, unknown> {
    const body: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(request) as [string, unknown][]) {
      if (value === undefined) continue;
      if (!this.refused.has(key)) body[key] = value;
      else {
        const other = OTHER_NAMES[key];
        if (other !== undefined && !this.refused.has(other)) body[other] = value;
      }
    }
    return body;
  }

  /**
   * Learns from an error about a request. True when asking again, in another shape, may succeed: a key was refused now,
   * or by another request since this one was built.
   *
   * @param status of the answer, or of the error inside it
   * @param sent the body that was refused, as {@link shape} gave it under `version`
   */
  learn(
    error: ServerError,
    status: number,
    sent: Readonly<Record<string, unknown>>,
    version: number,
  ): boolean {
    if (!this.isRefusal(error, status)) return false;
    const refused = Object.keys(sent).filter((key) => !NEEDED.has(key) && this.isNamed(error, key, sent));
    // A sentence that offers the other name is about the first one.
    const about = refused.filter((key) => !refused.some((first) => OTHER_NAMES[first] === key));
    const fresh = about.filter((key) => !this.refused.has(key));
    for (const key of fresh) this.refuse(key, error.message);
    return fresh.length > 0 || (about.length > 0 && version < this.count);
  }

  private isRefusal(error: ServerError, status: number): boolean {
    if (status === 400 || status === 422 || status === 415) return !TOO_LONG.test(error.message);
    // Some fall over a schema that they don't know.
    return (status === 500 || status === 501) && names(error.message, 'response_format');
  }

  private isNamed(error: ServerError, key: string, sent: Readonly<Record<string, unknown>>): boolean {
    if (error.params.some((param) => param.split(/[.[]/)[0] === key)) return true;
    if (error.params.some((param) => param.split(/[.[]/)[0] in sent)) return false;
    if (!REFUSING.test(error.message)) return false;
    return [key, ...(ALSO_NAMED[key] ?? [])].some((word) => names(error.message, word));
  }

  private refuse(key: string, message: string): void {
    this.refused.add(key);
    this.count += 1;
    const other = OTHER_NAMES[key];
    const line = message.replace(/[\s\p{Cc}]+/gu, ' ').slice(0, 160);
    this.onLearnt(
      other !== undefined && !this.refused.has(other)
        ? `The caption server refuses ${key}; it is asked with ${other} from now on (“${line}”)`
        : `The caption server refuses ${key}; it is left out from now on (“${line}”)`,
    );
  }
}
