import { createReadStream } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import type { z } from 'zod';
import { damaged, misshapen, unreadable } from './artifact-errors.js';

/** No record of hazure's own comes near it; a longer one is a file of another kind, not to be held in memory. */
const LONGEST_LINE = 16 * 2 ** 20;

export interface Line {
  /** 1-based. */
  readonly number: number;
  readonly text: string;
}

/**
 * Lines of a text file, one in memory at a time. Every line must end with a newline, as each writer of hazure ends it:
 * a last line without one was cut.
 * @throws InputError ARTIFACT_MISSING, ARTIFACT_INVALID
 */
export async function* readLines(path: string): AsyncGenerator<Line> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let number = 0;
  const chunks = createReadStream(path)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  for (;;) {
    const next = await chunks.next().catch((cause: unknown) => {
      throw unreadable({ path }, cause);
    });
    if (next.done === true) break;
    rest += decoder.write(next.value);
    let from = 0;
    for (let at = rest.indexOf('\n'); at >= 0; at = rest.indexOf('\n', from)) {
      yield { number: ++number, text: rest.slice(from, at) };
      from = at + 1;
    }
    rest = rest.slice(from);
    if (rest.length > LONGEST_LINE) {
      throw damaged({ path, line: number + 1 }, `a line longer than ${LONGEST_LINE} characters`);
    }
  }
  rest += decoder.end();
  if (rest !== '') throw damaged({ path, line: number + 1 }, 'its last line was cut');
}

/** One line's JSON. @throws InputError ARTIFACT_INVALID naming file, line and field */
export function parseLine<T>(path: string, { number, text }: Line, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged({ path, line: number }, `it is no JSON (${(cause as Error).message})`, cause);
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw misshapen({ path, line: number }, parsed.error);
  return parsed.data;
}

/** Records of a JSON Lines file, in order. @throws InputError ARTIFACT_MISSING, ARTIFACT_INVALID */
export async function* readJsonLines<T>(path: string, schema: z.ZodType<T>): AsyncGenerator<T> {
  for await (const line of readLines(path)) yield parseLine(path, line, schema);
}
