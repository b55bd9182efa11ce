import {
  objectResultSchema,
  resultsHeadSchema,
  type ObjectResult,
  type ResultsHead,
} from '@hazure/contracts';
import { damaged } from './artifact-errors.js';
import { parseDocument } from './documents.js';
import { parseLine, readLines, type Line } from './lines.js';

const LIST_OPENS = '  "objects": [';
const LIST_CLOSES = '  ]';
const CLOSING: Line = { number: 0, text: LIST_CLOSES };

/**
 * `detection_results.json` as a stream: it is one JSON document of any size, but hazure writes one object a line, and
 * no line but the head's is ever held.
 * @throws InputError ARTIFACT_MISSING, ARTIFACT_INVALID, ARTIFACT_VERSION
 */
export async function openResults(
  path: string,
): Promise<{ readonly head: ResultsHead; readonly objects: AsyncGenerator<ObjectResult> }> {
  const lines = readLines(path);
  const opening: string[] = [];
  let empty = false;
  for (;;) {
    const next = await lines.next();
    if (next.done === true) throw damaged({ path }, 'it has no list of objects');
    const { text } = next.value;
    empty = text === `${LIST_OPENS}]`;
    if (empty || text === LIST_OPENS) break;
    opening.push(text);
  }
  const head = parseDocument(
    path,
    `${opening.join('\n').replace(/,\s*$/, '')}\n}`,
    'results',
    resultsHeadSchema,
  );
  if (empty) await lines.return(undefined);
  return { head, objects: objectsOf(path, empty ? [CLOSING] : lines) };
}

async function* objectsOf(
  path: string,
  lines: AsyncIterable<Line> | Iterable<Line>,
): AsyncGenerator<ObjectResult> {
  let number = 0;
  for await (const line of lines) {
    ({ number } = line);
    if (line.text === LIST_CLOSES) return;
    const text = line.text.endsWith(',') ? line.text.slice(0, -1) : line.text;
    yield parseLine(path, { number, text }, objectResultSchema);
  }
  throw damaged({ path, line: number }, 'its list of objects was cut');
}
