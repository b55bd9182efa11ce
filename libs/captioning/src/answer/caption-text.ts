import { withoutMarks, withoutReasoning } from '@hazure/concept-matching';

/** Keys under which models put a sentence when they answer in JSON, the likeliest first. */
const KEYS = [
  ...['caption', 'sentence', 'description', 'answer', 'final_answer', 'final', 'response', 'output', 'text'],
  ...['result', 'content', 'summary', 'image_description', 'main_object', 'object'],
];
const KEYED = new RegExp(`[{]\\s*["'](?:${KEYS.join('|')})["']\\s*:\\s*(["'])`, 'i');

/** What stands before the sentence proper. */
const LABEL =
  /^(?:[#>*_\s-]*)(?:the |a |my |image |final |short |brief |one[- ]sentence |single[- ]sentence )*(?:caption|description|answer|sentence|response|output|result|assistant|summary)(?: is| would be)?\s*[*_]*\s*[:：]\s*[*_]*\s*(?=\S)/i;
const HEADING =
  /^#{1,6}\s*(?:image |final |short )*(?:caption|description|answer|sentence|response|summary)\s*\n+/i;
const PREAMBLE =
  /^(?:sure|certainly|of course|absolutely|okay|ok|alright|here(?:['’]s| is| are)|this is|the following is|based on)[^\n:：]{0,160}\b(?:captions?|descriptions?|sentences?|answers?|response)\b[^\n:：]{0,80}[:：]\s*(?=\S)/i;
const OPENER = /^(?:sure(?: thing)?|certainly|of course|absolutely|great question)[!,.]\s+(?=\S)/i;
const TRANSCRIPT = /^[\s\S]*(?:^|\n)\s*(?:#{1,4}\s*)?(?:ASSISTANT|Assistant|### Response)\s*:\s*(?=\S)/;
const CLOSING =
  /\n\s*\n?\s*(?:let me know|i hope (?:this|that)|hope (?:this|that)|feel free|would you like|is there anything else|if you (?:need|have|want|would)|please let me)[^\n]*$/i;

const QUOTES: readonly (readonly [string, string])[] = [
  ...[['"', '"'] as const, ['“', '”'] as const, ['„', '“'] as const, ['„', '”'] as const],
  ...[['«', '»'] as const, ['‘', '’'] as const, ['「', '」'] as const, ['『', '』'] as const],
  ...[["'", "'"] as const, ['``', "''"] as const],
];

/** The text between quotation marks that enclose it all, without a full stop after them; else the text. */
function unquoted(text: string): string {
  for (const [open, close] of QUOTES) {
    const body = text.replace(/^\\(?=")|\\(?="[.!]?$)/g, '');
    const end = /[.!]$/.test(body) && body.slice(0, -1).endsWith(close) ? body.length - 1 : body.length;
    const whole = body.slice(0, end);
    if (!whole.startsWith(open) || !whole.endsWith(close) || whole.length <= open.length + close.length)
      continue;
    const inner = whole.slice(open.length, -close.length);
    // “a” and “b”: the marks don't enclose it all. An apostrophe inside a word is no mark.
    const bare = inner.replace(/\\["']/g, '').replace(/(?<=\p{L})['’](?=\p{L}|\s)/gu, '');
    if (!bare.includes(open) && !bare.includes(close)) return inner.replace(/\\(["'])/g, '$1');
  }
  return text;
}

/** The first code block's content where a block begins the text, or where only words about it stand before. */
function unfenced(text: string): string {
  const fenced = /^(`{3,}|~{3,})[^\n`]*\n([\s\S]*?)(?:\n\s*\1|\1|$)/.exec(text);
  if (fenced !== null && fenced[2].trim() !== '') return fenced[2];
  return /^(`{1,4})([^`]+)\1[.]?$/.exec(text)?.[2] ?? text;
}

/** The sentence in a parsed JSON value, or null where it is not plain which string that is. */
function sentenceOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) {
    const each = value.map(sentenceOf);
    return each.length > 0 && each.every((one) => one !== null) ? each.join(' ') : null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const entries = new Map(Object.entries(value).map(([key, each]) => [key.toLowerCase(), each as unknown]));
  for (const key of KEYS) {
    if (entries.has(key)) return sentenceOf(entries.get(key));
  }
  const strings = [...entries.values()].filter((each) => typeof each === 'string');
  return strings.length === 1 ? strings[0] : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text.replace(/,\s*([\]}])/g, '$1'));
  } catch {
    return undefined;
  }
}

/** The sentence in an answer written as JSON, whole or cut off by the token limit; else the text. */
function fromJson(text: string): string {
  if (/^[[{"]/.test(text)) {
    const value = parsed(text);
    if (value !== undefined)
      return sentenceOf(value) ?? (typeof value === 'object' && isEmpty(value) ? '' : text);
  }
  const keyed = KEYED.exec(text);
  // Elsewhere than at the beginning, braces may be part of what is described.
  if (keyed === null || keyed.index > 200) return text;
  const mark = keyed[1];
  const rest = text.slice(keyed.index + keyed[0].length);
  const body = (mark === '"' ? /^(?:\\.|[^"\\])*/ : /^(?:\\.|[^'\\]|'(?=\p{L}))*/u).exec(rest)?.[0] ?? '';
  const value = parsed(`"${mark === '"' ? body : body.replace(/\\'/g, "'").replace(/(?<!\\)"/g, '\\"')}"`);
  return typeof value === 'string' ? value : body;
}

function isEmpty(value: object | null): boolean {
  return value === null || Object.values(value).every((each) => each === null || each === '');
}

/** Emphasis and TeX boxes as the words in them. */
function unmarked(text: string): string {
  return text
    .replace(/\$?\\boxed\{(?:\\text\{)?([^{}]*)\}?\}\$?/g, '$1')
    .replace(/(\*\*|__)(?=\S)([^*_\n]+?)(?<=\S)\1/g, '$2')
    .replace(/(?<![\w*])\*(?=[^\s*])([^*\n]+?)(?<=[^\s*])\*(?![\w*])/g, '$1');
}

function unwrappedOnce(text: string): string {
  let out = fromJson(unfenced(text.trim()).trim());
  out = unmarked(unquoted(out.trim()));
  out = out
    .replace(TRANSCRIPT, '')
    .replace(HEADING, '')
    .replace(OPENER, '')
    .replace(PREAMBLE, '')
    .replace(LABEL, '');
  out = out.replace(CLOSING, '').trim();
  // One item of a list is no list.
  if (!out.includes('\n')) out = out.replace(/^(?:[-*•>]|1[.)]|#{1,6})\s+(?=\S)/, '');
  return out.trim();
}

/** Wrappers lie in wrappers: a quoted sentence in JSON in a code block after “Here is …:”. */
const MAX_LAYERS = 8;

/**
 * The sentence that a vision model meant as its caption: without reasoning, marks of chat formats, boxes, code fences,
 * JSON, quotation marks, emphasis, labels (“Caption:”) and politeness around it. Nothing inside the sentence is changed.
 *
 * @returns '' where nothing is left
 */
export function captionText(answer: string): string {
  let text = withoutMarks(withoutReasoning(answer).text);
  for (let layer = 0; layer < MAX_LAYERS; layer++) {
    const inner = unwrappedOnce(text);
    if (inner === text) break;
    text = inner;
  }
  return /[\p{L}\p{N}]/u.test(text) ? text : '';
}

/** Sentences by which models decline, or say that they were shown nothing, in the languages that they answer in. */
const REFUSALS: readonly RegExp[] = [
  /^(?:(?:i['’]?m|i am) (?:really |very |so |truly )?sorry|(?:my )?apologies|sorry|unfortunately|i apologi[sz]e)\b[^\n]{0,200}?\b(?:can(?:['’]?t|not| not)|unable|not able|won['’]?t|don['’]?t|do not|not (?:comfortable|allowed|permitted))\b/i,
  /^i (?:can(?:['’]?t|not| not)|(?:a|['’])?m (?:unable|not able) to|will not|won['’]?t|must decline|have to decline|don['’]?t feel comfortable)\s*(?:be able to )?(?:help|assist|identify|provide|describe|view|process|comply|fulfil|answer|generate|analy[sz]e|access|determine|engage|support|create|discuss|do (?:that|this)|to (?:this|that)|this|that|see (?:any |an |the |your )?(?:image|picture|photo)s?\b)/i,
  /^i(?:['’]m| am) (?:unable|not able) to\b/i,
  /^as an? (?:ai|language model|text[- ]based|large language)\b[^\n]{0,200}?\b(?:can(?:['’]?t|not| not)|unable|not able|don['’]?t|do not)\b/i,
  /^i (?:don['’]?t|do not|can(?:['’]?t|not)) (?:see|have|find|view|detect) (?:any |an |the |access to )+(?:attached |uploaded )?(?:image|picture|photo)/i,
  /^(?:there (?:is|was|seems to be) |i see )?no (?:image|picture|photo)s? (?:was |is |has been |were )?(?:provided|attached|uploaded|included|given|visible)/i,
  /^(?:please (?:provide|upload|attach|share|send)|could you (?:please )?(?:provide|upload|attach|share|send)|it (?:seems|looks|appears)[^\n]{0,60} (?:no|not|didn['’]?t|haven['’]?t|without)[^\n]{0,40})[^\n]{0,20} (?:image|picture|photo)/i,
  /^(?:es tut mir leid|tut mir leid|entschuldigung)\b[^\n]{0,120}?\bnicht\b|^ich kann (?:dir |ihnen )?(?:dabei|das|dieses? bild)[^\n]{0,60}\bnicht\b/i,
  /^(?:lo siento|lamento)\b[^\n]{0,120}?\bno (?:puedo|me es posible)\b|^(?:je suis )?désolée?\b[^\n]{0,120}?\b(?:ne peux|ne suis) pas\b/i,
  /^(?:抱歉|对不起|很抱歉|對不起)[^\n]{0,40}(?:无法|不能|無法)|^(?:申し訳|すみません|ごめん)[^\n]{0,60}(?:でき|ません)|^(?:죄송)[^\n]{0,60}(?:없|못)/,
];

/** Whether an answer declines to describe, or says that it saw no image. */
export function isRefusal(text: string): boolean {
  return REFUSALS.some((refusal) => refusal.test(text));
}

/** How models begin when they think aloud; a caption names a thing first. */
const THINKING_ALOUD =
  /^(?:(?:okay|ok|alright|hmm|wait|got it|so|first|now|well)\b[,.!\s]|let(?:['’]?s| me)\b|the (?:user|prompt|task|question|instruction)\b|(?:we|i) (?:need|should|have|must|are|am|will|can)\b|analy[sz]ing\b)/i;
const ABOUT_THE_TASK =
  /\b(?:user|users|describe|description|caption|sentence|prompt|question|instruction|asks?|asked)\b/i;

/**
 * Whether a cut answer is reasoning that no mark tells (its opening stood in the prompt, its closing was cut off):
 * it talks about its task. Only to be asked of answers that the token limit cut.
 */
export function looksLikeReasoning(text: string): boolean {
  return THINKING_ALOUD.test(text) && ABOUT_THE_TASK.test(text.slice(0, 300));
}
