import { withoutMarks, withoutReasoning } from './plain-answer.js';

/** Words of a label; longer phrases are explanations. */
const MAX_WORDS = 4;
const MAX_CHARACTERS = 40;

/** What models put before, between and after a list. */
const CHATTER =
  /^(?:sure|certainly|of course|okay|ok|here (?:are|is)|note|please|i hope|let me|sorry|i(?:['’]m| am| can| cannot| can['’]t)|as an ai|the following|these|this|answer|concepts?|list|examples?|json|output|and so on|etc)\b/i;

/** One item cleaned of list marks, markup and explanation; null when it is no label. */
function labelOf(item: string): string | null {
  const text = item
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .replace(/^(?:[-*•–—>+]|\(?\d{1,3}[.):]|[a-z][.)])\s*/i, '')
    .replace(/[*_`#"“”„«»[\]{}]/g, '')
    .replace(/^['’]+|['’]+$/g, '')
    // sedan: a car with four doors; sedan (four doors); sedan – four doors
    .replace(/\s*(?:[:(–—]| - ).*$/u, '')
    .replace(/[.,;!?\s]+$/u, '')
    // “a car” is the label “car”
    .replace(/^(?:an?|the)\s+/i, '')
    .trim();
  if (text === '' || text.length > MAX_CHARACTERS || text.split(' ').length > MAX_WORDS) return null;
  if (!/\p{L}/u.test(text) || /[<>|\\=]/.test(text) || CHATTER.test(text)) return null;
  return text;
}

/** Every string inside a parsed JSON value; keys are structure, not answers. */
function leaves(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(leaves);
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [];
}

/** Brackets tried as the beginning of JSON; prose has few. */
const MAX_OPENINGS = 20;

/** The first complete JSON array or object inside a text, or null. */
function embeddedJson(text: string): unknown {
  let start = text.search(/[[{]/);
  for (let tried = 0; start >= 0 && tried < MAX_OPENINGS; tried++, start = nextOpening(text, start)) {
    const end = closing(text, start);
    if (end < 0) continue;
    // Trailing commas are the commonest slip.
    const candidate = text.slice(start, end + 1).replace(/,\s*([\]}])/g, '$1');
    try {
      return JSON.parse(candidate);
    } catch {
      continue;
    }
  }
  return null;
}

function nextOpening(text: string, after: number): number {
  const found = text.slice(after + 1).search(/[[{]/);
  return found < 0 ? -1 : after + 1 + found;
}

/** Where the bracket at `start` is closed, strings respected; −1 when it is not. */
function closing(text: string, start: number): number {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at];
    if (quoted) {
      if (character === '\\') at += 1;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === '[' || character === '{') depth += 1;
    else if (character === ']' || character === '}') {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return -1;
}

const MAX_ANSWER_CHARACTERS = 20_000;

/**
 * The labels in a language model's answer, in its order, each once: from a JSON array or object anywhere in it (also in
 * a code block, with trailing commas, or cut off in the middle), else from a list with bullets or numbers, else from
 * commas. Greetings, explanations, refusals, reasoning in any spelling and marks of chat formats are left out. Whatever
 * the answer says, it only yields labels.
 */
export function parseConceptAnswer(answer: string, limit: number): string[] {
  // Reasoning may be longer than any list, so it goes first.
  const text = withoutMarks(withoutReasoning(answer).text.slice(0, MAX_ANSWER_CHARACTERS));
  const labels = new Map<string, string>();
  for (const item of itemsOf(text)) {
    const label = labelOf(item);
    if (label === null) continue;
    const key = label.toLowerCase();
    if (!labels.has(key)) labels.set(key, label);
    if (labels.size === limit) break;
  }
  return [...labels.values()];
}

function itemsOf(text: string): string[] {
  const json = embeddedJson(text);
  const strings = json === null ? [] : leaves(json);
  if (strings.length > 0) return strings;
  const opening = text.search(/[[{]\s*["']/);
  if (opening >= 0) {
    // A list cut off by the token limit, or in single quotes: the strings that are complete.
    return Array.from(
      text.slice(opening).matchAll(/(["'])((?:\\.|(?!\1)[^\\])*)\1\s*(?=[,\]}])/g),
      (m) => m[2],
    );
  }
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '');
  const marked = lines.filter((line) => /^\s*(?:[-*•–+]|\(?\d{1,3}[.):])\s*\S/.test(line));
  if (marked.length > 0) return marked;
  return lines.flatMap((line) => (line.includes(',') || line.includes(';') ? listed(line) : [line]));
}

/** Parts of “Some are: sedan, van and bus.” */
function listed(line: string): string[] {
  const list = line.replace(/^[^,;:]*:\s*/, '');
  return list.split(/[,;]|\s(?:and|or)\s/).filter((part) => part.trim() !== '');
}
