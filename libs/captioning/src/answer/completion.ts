import { z } from 'zod';

/** What is read of a chat completion, whole or in pieces; servers add keys of their own. */
const partSchema = z.union([
  z.string(),
  z.looseObject({
    type: z.string().nullish(),
    text: z.unknown().optional(),
    refusal: z.unknown().optional(),
    thought: z.unknown().optional(),
  }),
]);
const messageSchema = z.looseObject({
  content: z.union([z.string(), z.array(partSchema), partSchema]).nullish(),
  refusal: z.string().nullish(),
  reasoning_content: z.unknown().optional(),
  reasoning: z.unknown().optional(),
  thinking: z.unknown().optional(),
});
const choiceSchema = z.looseObject({
  finish_reason: z.string().nullish(),
  message: messageSchema.nullish(),
  delta: messageSchema.nullish(),
  text: z.string().nullish(),
  error: z.unknown().optional(),
});
export const completionSchema = z.looseObject({ choices: z.array(choiceSchema).max(1000) });
type Choice = z.infer<typeof choiceSchema>;
type Message = z.infer<typeof messageSchema>;

/** One completion, gathered from its pieces. */
export interface Completion {
  readonly text: string;
  readonly refusal: string;
  /** The answer came with reasoning in a field or part of its own. */
  readonly reasoned: boolean;
  readonly finish: string | null;
  /** Number of choices; 0 is no answer. */
  readonly choices: number;
  /** What a choice says went wrong (routers do that), or undefined. */
  readonly error: unknown;
}

const REASONING_PART = /reason|think|thought|summary_text/i;

function filled(value: unknown): boolean {
  if (typeof value === 'string') return value.trim() !== '';
  return Array.isArray(value) ? value.length > 0 : typeof value === 'object' && value !== null;
}

/** Text, refusal and whether there was reasoning, of a message or a piece of one. */
function readMessage(message: Message): { text: string; refusal: string; reasoned: boolean } {
  let text = '';
  let refusal = message.refusal ?? '';
  let reasoned =
    filled(message['reasoning_content']) || filled(message['reasoning']) || filled(message['thinking']);
  const { content } = message;
  const parts = Array.isArray(content) ? content : content === null || content === undefined ? [] : [content];
  for (const part of parts) {
    if (typeof part === 'string') text += part;
    else if (REASONING_PART.test(part.type ?? '') || part.thought === true) reasoned = true;
    else if (part.type === 'refusal') refusal += typeof part.refusal === 'string' ? part.refusal : 'refused';
    else if (typeof part.text === 'string') text += part.text;
  }
  return { text, refusal, reasoned };
}

/** The first choice of one or more pieces of an answer. */
export function gather(pieces: readonly z.infer<typeof completionSchema>[]): Completion {
  let text = '';
  let refusal = '';
  let reasoned = false;
  let finish: string | null = null;
  let choices = 0;
  let error: unknown;
  for (const piece of pieces) {
    choices += piece.choices.length;
    const choice: Choice | undefined = piece.choices[0];
    if (choice === undefined) continue;
    finish = choice.finish_reason ?? finish;
    error ??= choice.error ?? undefined;
    // A stream's last event may repeat the whole message.
    const message = choice.delta ?? choice.message;
    const read = message ? readMessage(message) : { text: '', refusal: '', reasoned: false };
    const said = read.text === '' ? (choice.text ?? '') : read.text;
    text = choice.message && !choice.delta && said.startsWith(text) ? said : text + said;
    refusal += read.refusal;
    reasoned ||= read.reasoned;
  }
  return { text, refusal, reasoned, finish, choices, error };
}

/** Reasons to end that mean: the token limit. */
export const CUT =
  /^(?:length|max_tokens|max_output_tokens|max_completion_tokens|model_length|limit|incomplete)$/i;
export const FILTERED = /content[_ ]?filter|safety|prohibited|blocklist|recitation|sensitive/i;
/** The server gave up; the same question may succeed. */
export const BROKEN_OFF = /^(?:error|abort|aborted|cancelled|insufficient_system_resource|engine_error)$/i;

/**
 * The JSON values of a body: one document, the events of a stream (`data: …`), or one document a line.
 *
 * @throws SyntaxError where it is none of them
 */
export function jsonValues(body: string): unknown[] {
  const text = body.replace(/^\uFEFF/, '').trim();
  if (/^(?:data|event|id|retry)?:/.test(text)) {
    const data = [...text.matchAll(/^data:[ ]?(.*)$/gm)].map((match) => match[1].trim());
    return data.filter((each) => each !== '' && each !== '[DONE]').map((each) => JSON.parse(each) as unknown);
  }
  try {
    return [JSON.parse(text)];
  } catch (error) {
    const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
    if (lines.length < 2 || !lines.every((line) => line.startsWith('{'))) throw error;
    return lines.map((line) => JSON.parse(line) as unknown);
  }
}
