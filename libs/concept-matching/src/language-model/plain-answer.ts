/**
 * What models wrap around an answer, taken off in two steps: their reasoning ({@link withoutReasoning}) and the marks of
 * chat formats and grounding ({@link withoutMarks}). Spellings are those of published chat templates: `<think>`
 * (DeepSeek-R1, Qwen3, GLM-V), `<seed:think>` (Seed-OSS), `◁think▷` (Kimi-VL), `[THINK]` (Magistral),
 * `<|START_THINKING|>` (Command A), `<|begin_of_thought|>` (Sky-T1), channels (gpt-oss's harmony, Gemma), Granite's
 * sentences. Every step is linear in the text's length.
 */
export interface PlainAnswer {
  /** What is left; may be empty. */
  readonly text: string;
  /** Reasoning was opened and never closed: what it would have led to is unknown. */
  readonly insideReasoning: boolean;
}

/** No answer to a question about one crop is longer; the rest is a loop. */
const MAX_CHARACTERS = 100_000;

const THOUGHT =
  '(?:think|thinking|thoughts?|thought_process|reason|reasoning|reflection|analysis|scratchpad|(?:inner|internal)_monologue|' +
  'cot|cot_budget_reflect|chain_of_thought|redacted_thinking)';
const TAG = `(?:[\\w-]{1,20}:)?${THOUGHT}`;

/** One mark of reasoning; group 1 is an opening, group 2 a closing one, neither an empty element. */
const REASONING_MARK = new RegExp(
  `(<${TAG}(?:\\s[^<>/]{0,200})?>|<\\|(?:begin_of_|start_of_|begin_|start_)?${THOUGHT}\\|>|◁${TAG}▷|` +
    `\\[(?:think|thinking|reasoning)\\]|<\\|channel>\\s*(?:thought|analysis)\\b|<details\\s+type=["']?reasoning[^<>]{0,200}>)|` +
    `(</${TAG}\\s*>|<\\|(?:/|end_of_|end_)${THOUGHT}\\|>|◁/${TAG}▷|\\[/(?:think|thinking|reasoning)\\]|<channel\\|>)|` +
    `<${TAG}\\s*/>`,
  'gi',
);

/** An opening mark that the token limit cut in two. */
const HALF_MARK = new RegExp(`<\\|?(?:[\\w-]{1,20}:)?${THOUGHT}(?:\\s[^<>]{0,200})?$`, 'i');

/** `<|channel|>final<|message|>…`: name and text of each. */
const CHANNEL = /<\|channel\|>([^<]{0,60})(?:<\|constrain\|>[^<]{0,60})?<\|message\|>/g;
const CHANNEL_END = /<\|(?:end|return|call|start|channel)\|>/;

const ANSWER_TAG =
  /<(answer|final|final_answer|conclusion|output|response|solution|caption|description|sentence)(?:\s[^<>]{0,200})?>([\s\S]*?)(?:<\/\1\s*>|$)/gi;

/** Full-width bars (DeepSeek) as ordinary ones. */
function narrowBars(text: string): string {
  return text.replace(/<｜([^<>｜]{1,60})｜>/g, (_, name: string) => `<|${name.replaceAll('▁', '_')}|>`);
}

/** The last final channel of the harmony format, or null where the text has no channels. */
function finalChannel(text: string): PlainAnswer | null {
  let found = false;
  let final: string | null = null;
  for (const match of text.matchAll(CHANNEL)) {
    found = true;
    if (!/^\s*(?:final|answer|response)\b/i.test(match[1])) continue;
    const rest = text.slice(match.index + match[0].length);
    const end = rest.search(CHANNEL_END);
    final = end < 0 ? rest : rest.slice(0, end);
  }
  if (found) return { text: final ?? '', insideReasoning: final === null };
  // The channel's name alone, cut before its message.
  if (/<\|channel\|>[^<]{0,60}$/.test(text)) return { text: '', insideReasoning: true };
  // The same where a server has dropped the marks and left the words.
  const bare = /^\s*analysis(?=[A-Z\n])/.exec(text);
  const end = /assistant\s?final\s?:?/.exec(text);
  if (bare !== null) {
    return end === null
      ? { text: '', insideReasoning: true }
      : { text: text.slice(end.index + end[0].length), insideReasoning: false };
  }
  return end?.index === 0 ? { text: text.slice(end[0].length), insideReasoning: false } : null;
}

/** Reasoning told by sentences or labels: what follows it, else the text as it is. */
function afterToldReasoning(text: string): string {
  const granite = /here(?:['’]s| is) my response:?/i.exec(text);
  if (granite !== null && /here(?:['’]s| is) my thought process/i.test(text.slice(0, granite.index))) {
    return text.slice(granite.index + granite[0].length);
  }
  if (!/^[\s*#_>]*(?:thinking|thoughts?|thought process|reasoning|analysis)[\s*_]*[:：\n]/i.test(text))
    return text;
  const answer =
    /\n[\s*#_>]*(?:(?:final|short) )?(?:answer|caption|response|description|output|sentence)[\s*_]*[:：][\s*_]*/i.exec(
      text,
    );
  return answer === null ? text : text.slice(answer.index + answer[0].length);
}

/**
 * The answer without its reasoning, whatever marks it (see {@link PlainAnswer}); of an answer in a tag of its own
 * (`<answer>`) that tag's content. A closing mark without an opening one ends reasoning that began in the prompt.
 */
export function withoutReasoning(answer: string): PlainAnswer {
  const text = narrowBars(answer.slice(0, MAX_CHARACTERS));
  const channel = finalChannel(text);
  if (channel !== null) return channel;
  let kept = '';
  let from = 0;
  let inside = false;
  for (const match of text.matchAll(REASONING_MARK)) {
    const [mark, opening, closing] = match as unknown as [string, string | undefined, string | undefined];
    if (!inside) kept += `${text.slice(from, match.index)} `;
    if (opening !== undefined) inside = true;
    else if (closing !== undefined) {
      if (!inside) kept = '';
      inside = false;
    }
    from = match.index + mark.length;
  }
  if (!inside) kept += text.slice(from);
  const half = HALF_MARK.exec(kept.slice(-300));
  if (half !== null) {
    inside = true;
    kept = kept.slice(0, kept.length - half[0].length);
  }
  const said = afterToldReasoning(kept);
  const tagged = [...said.matchAll(ANSWER_TAG)].at(-1)?.[2];
  return { text: (tagged?.trim() ? tagged : said).trim(), insideReasoning: inside };
}

const COORDINATES = '[\\s\\d.,;:()\\[\\]{}-]*';
/** Boxes and points: an element of numbers alone, PaliGemma's, Florence's and Kosmos' location tokens, bare boxes. */
const PLACES = [
  new RegExp(
    `<(box|bbox|quad|point|points|loc|coord|poly|polygon)(?:\\s[^<>]{0,200})?>${COORDINATES}</\\1\\s*>`,
    'gi',
  ),
  new RegExp(`<\\|(?:box|quad|point)_start\\|>${COORDINATES}<\\|(?:box|quad|point)_end\\|>`, 'gi'),
  new RegExp(`<\\|det\\|>${COORDINATES}<\\|/det\\|>`, 'gi'),
  /<(?:loc_?|seg|patch_index_|bin_)\d{1,5}>/gi,
  /\[\[?\s*\d{1,4}(?:\.\d+)?(?:\s*,\s*\d{1,4}(?:\.\d+)?){3}\s*\]?\]/g,
];

/** Elements whose content is part of the sentence. */
const SPANS =
  /<\/?(?:ref|p|phrase|object|grounding|delim|point|points|box|bbox|quad|image|img|video|sep|cap|od|ocr)(?:\s[^<>]{0,200})?\/?>/gi;

/** A turn ends here: whatever follows is a turn that the model made up. */
const TURN_END =
  /<\|(?:im_end|eot_id|eot|end|return|endoftext|end_of_text|end_of_sentence|endofprompt|end_of_turn|eom_id|assistant_end|user|observation|im_start)\|>|<\/s>|<eos>|<\/?end_of_turn>|<turn\|>|<end_of_utterance>|<\|?eot\|?>|\[\/?INST\]/i;
/** A turn's beginning, with the role's name. */
const TURN_BEGIN =
  /^\s*(?:<s>|<bos>|<\|begin_of_text\|>|<\|(?:im_start|start)\|>\s*(?:assistant|model)?|<\|start_header_id\|>\s*\w*\s*<\|end_header_id\|>|<start_of_turn>\s*(?:model|assistant)?|<\|turn>\s*(?:model|assistant)?|<\|(?:assistant|assistant_start)\|>|\[\/?INST\]|<<\/?SYS>>)/i;
const SPECIAL =
  /<\|[^<>|\n]{1,60}\|>|<\/?s>|<(?:bos|eos|pad|unk|mask|cls)>|<unused\d+>|<fake_token_around_image>|<<\/?SYS>>/gi;
/** A mark cut in two by the token limit. */
const HALF_SPECIAL = /<\|[^<>|\n]{0,60}\|?$|<\/s?$/;

/** Colours and cursor moves of terminals. */
// eslint-disable-next-line no-control-regex
const ANSI = /\u001b\[[0-9;?]*[A-Za-z]/g;

/**
 * The text without tokens of chat formats (`<|im_end|>`, `</s>`, `<end_of_turn>`), without boxes and points, byte order
 * marks and control characters; a turn that the model made up after its own is left out. Line breaks stay.
 */
export function withoutMarks(answer: string): string {
  let text = narrowBars(answer.slice(0, MAX_CHARACTERS))
    .replace(/[\uFEFF\u200B\u2060]/g, '')
    .replace(ANSI, '');
  for (let begin = TURN_BEGIN.exec(text); begin !== null; begin = TURN_BEGIN.exec(text)) {
    text = text.slice(begin[0].length);
  }
  for (const place of PLACES) text = text.replace(place, ' ');
  for (let end = TURN_END.exec(text); end !== null; end = TURN_END.exec(text)) {
    const head = text.slice(0, end.index);
    // An end before any words is a mark like others.
    if (hasWords(head)) {
      text = head;
      break;
    }
    text = text.slice(end.index + end[0].length);
  }
  return text
    .replace(HALF_SPECIAL, '')
    .replace(SPECIAL, ' ')
    .replace(SPANS, ' ')
    .replace(/[^\P{Cc}\n\t\r]/gu, ' ')
    .replace(/[ \t]{2,}/g, ' ')
    .replace(/ +([,.;!?](?:\s|$))/g, '$1')
    .trim();
}

const hasWords = (text: string): boolean => text.replace(SPECIAL, '').replace(SPANS, '').trim() !== '';
