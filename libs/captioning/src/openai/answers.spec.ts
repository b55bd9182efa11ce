import { answerCaption, AnswerError, ServerAnswerError } from './protocol.js';

const SENTENCE = 'a person riding a horse';

interface Said {
  readonly finish?: string | null;
  readonly extra?: object;
}

/** A chat completion as servers write them. */
function completion(content: unknown, { finish = 'stop', extra = {} }: Said = {}): string {
  return JSON.stringify({
    id: 'x',
    object: 'chat.completion',
    choices: [{ index: 0, finish_reason: finish, message: { role: 'assistant', content, ...extra } }],
  });
}

const event = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

describe('the sentence that a person reads in an answer', () => {
  test.each<[string, string]>([
    ['plain', SENTENCE],
    ['<think>', `<think>\nThe user wants a caption. Maybe a zebra.\n</think>\n\n${SENTENCE}`],
    ['<think> that is empty', `<think>\n\n</think>\n\n${SENTENCE}`],
    ['<think/>', `<think/>${SENTENCE}`],
    ['<THINKING> in capitals', `<THINKING>zebra</THINKING>${SENTENCE}`],
    ['<reasoning> with attributes', `<reasoning effort="low">zebra</reasoning>\n${SENTENCE}`],
    ['<thought>', `<thought>zebra</thought>${SENTENCE}`],
    ['<seed:think>', `<seed:think>zebra</seed:think>${SENTENCE}`],
    ['◁think▷', `◁think▷zebra◁/think▷${SENTENCE}`],
    ['[THINK]', `[THINK]zebra[/THINK]${SENTENCE}`],
    ['<|thinking|>', `<|thinking|>zebra<|/thinking|>${SENTENCE}`],
    ['<|START_THINKING|>', `<|START_THINKING|>zebra<|END_THINKING|>${SENTENCE}`],
    [
      '<|begin_of_thought|>',
      `<|begin_of_thought|>zebra<|end_of_thought|><|begin_of_solution|>${SENTENCE}<|end_of_solution|>`,
    ],
    ['a closing mark alone', `Maybe a zebra.\n</think>\n\n${SENTENCE}`],
    ['reasoning twice', `<think>zebra</think>\n<think>giraffe</think>\n${SENTENCE}`],
    ['reasoning that speaks of its mark', `<think>I should close <think> soon</think>${SENTENCE}`],
    [
      'harmony channels',
      `<|channel|>analysis<|message|>A zebra?<|end|><|start|>assistant<|channel|>final<|message|>${SENTENCE}<|return|>`,
    ],
    ['harmony without its marks', `analysisThe user wants a caption.assistantfinal${SENTENCE}`],
    ['channels of Gemma', `<|channel>thought\nzebra<channel|>${SENTENCE}`],
    ['Granite’s sentences', `Here is my thought process: a zebra?\n\nHere is my response: ${SENTENCE}`],
    ['labels', `**Reasoning:** I see stripes, maybe a zebra.\n\n**Answer:** ${SENTENCE}`],
    ['<answer>', `<think>zebra</think>\n<answer>\n${SENTENCE}\n</answer>`],
    [
      'LLaVA-CoT',
      `<SUMMARY>I will look.</SUMMARY><CAPTION>zebra</CAPTION><REASONING>hm</REASONING><CONCLUSION>${SENTENCE}</CONCLUSION>`,
    ],
    ['box tokens', `<|begin_of_box|>${SENTENCE}<|end_of_box|>`],
    ['reasoning, <answer> and a box', `<think>zebra</think><answer>${SENTENCE}<|begin_of_box|></answer>`],
    ['\\boxed', `$\\boxed{\\text{${SENTENCE}}}$`],
    ['<|im_end|>', `${SENTENCE}<|im_end|>`],
    ['</s>', `${SENTENCE}</s>`],
    ['DeepSeek’s bars', `${SENTENCE}<｜end▁of▁sentence｜>`],
    ['a turn made up', `${SENTENCE}<|im_end|>\n<|im_start|>user\nAnd now?<|im_end|>`],
    ['a role’s header', `<|start_header_id|>assistant<|end_header_id|>\n\n${SENTENCE}<|eot_id|>`],
    ['a turn’s beginning', `<start_of_turn>model\n${SENTENCE}<end_of_turn>`],
    ['a mark cut in two', `${SENTENCE}<|im_en`],
    ['a box of coordinates', `<ref>${SENTENCE}</ref><box>(12,34),(560,780)</box>`],
    [
      'Qwen’s grounding',
      `<|object_ref_start|>${SENTENCE}<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>`,
    ],
    ['location tokens', `${SENTENCE}<loc_12><loc_34><loc_56><loc_78>`],
    ['bare coordinates', `${SENTENCE} [[12, 34, 560, 780]]`],
    ['a code block', `\`\`\`\n${SENTENCE}\n\`\`\``],
    [
      'a code block with more around',
      `Here is the caption:\n\n\`\`\`text\n${SENTENCE}\n\`\`\`\n\nLet me know if you need more.`,
    ],
    ['an open code block', `\`\`\`text\n${SENTENCE}`],
    ['backticks', `\`${SENTENCE}\``],
    ['quotation marks', `"${SENTENCE}"`],
    ['curly quotation marks', `“${SENTENCE}”.`],
    ['single quotation marks', `'${SENTENCE}'`],
    ['escaped quotation marks', `\\"${SENTENCE}\\"`],
    ['guillemets', `« ${SENTENCE} »`],
    ['a bold label', `**Caption:** ${SENTENCE}`],
    ['a label', `Image description: ${SENTENCE}`],
    ['emphasis', 'a **person** riding a *horse*'],
    ['a heading', `### Caption\n\n${SENTENCE}`],
    ['one bullet', `- ${SENTENCE}`],
    ['politeness', `Sure! Here's a short description of the image: "${SENTENCE}"`],
    ['an echo of the dialogue', `USER: Describe it.\nASSISTANT: ${SENTENCE}`],
    ['JSON', `{"caption": "${SENTENCE}"}`],
    ['JSON in a code block', `\`\`\`json\n{"reasoning": "zebra?", "description": "${SENTENCE}",}\n\`\`\``],
    ['JSON cut off', `{"caption": "${SENTENCE}`],
    ['JSON after words', `Here you go: {"caption": "${SENTENCE}"}`],
    ['a JSON list', `["${SENTENCE}"]`],
    ['a JSON string', JSON.stringify(SENTENCE)],
    ['a Python dict', `{'caption': '${SENTENCE}'}`],
    ['another key', `{"scene": "${SENTENCE}", "confidence": 0.9}`],
    ['control characters and colours', `\u001b[31m${SENTENCE}\u001b[0m\u0000`],
    ['a byte order mark', `\uFEFF${SENTENCE}`],
  ])('%s', (_, content) => {
    expect(answerCaption(completion(content))).toBe(SENTENCE);
  });

  test.each([
    'a sign that says "STOP" and "GO"',
    'a dog’s bowl beside a horse',
    "'tis a horse",
    'a book with the title “Think”',
    'Here is a horse that stands alone.',
    'A label reads: 12 V',
    'a screen that shows 3 < 5 and a > b',
    'a 2 * 4 plank * painted red',
    'a horse_shoe and snake_case_name on a wall',
    'a sign in Chinese: 出口',
    'I can see a horse behind a fence.',
    'a sorry looking horse that cannot stand',
    'There is no saddle on the horse.',
    '7',
    'a caption board in a cinema',
    'a shirt with [brackets] and {braces}',
  ])('nothing is taken from: %s', (sentence) => {
    expect(answerCaption(completion(sentence))).toBe(sentence);
  });

  test.each<[string, string]>([
    [
      'reasoning in fields',
      completion(SENTENCE, { extra: { reasoning_content: 'zebra', reasoning: 'zebra' } }),
    ],
    [
      'parts',
      completion([
        { type: 'text', text: 'a person ' },
        { type: 'text', text: 'riding a horse' },
      ]),
    ],
    [
      'reasoning in parts',
      completion([
        { type: 'reasoning', text: 'zebra' },
        { type: 'text', text: SENTENCE },
      ]),
    ],
    [
      'thinking in parts',
      completion([
        { type: 'thinking', thinking: [{ type: 'text', text: 'zebra' }] },
        { type: 'output_text', text: SENTENCE },
      ]),
    ],
    ['parts marked as thought', completion([{ text: 'zebra', thought: true }, { text: SENTENCE }])],
    ['one part', completion({ type: 'text', text: SENTENCE })],
    ['a text completion', JSON.stringify({ choices: [{ text: SENTENCE }] })],
    ['no finish_reason', JSON.stringify({ choices: [{ message: { content: SENTENCE } }] })],
    ['a byte order mark', `\uFEFF${completion(SENTENCE)}`],
    [
      'an error of null beside the answer',
      JSON.stringify({ ...JSON.parse(completion(SENTENCE)), error: null }),
    ],
    [
      'a stream',
      `: ping\n\n${event({ role: 'assistant', reasoning_content: 'zebra' })}${event({ content: 'a person ' })}` +
        `${event({ content: 'riding a horse' }, 'stop')}data: {"choices": [], "usage": {}}\n\ndata: [DONE]\n\n`,
    ],
    [
      'lines of JSON',
      `${JSON.stringify({ choices: [{ delta: { content: 'a person riding ' } }] })}\n` +
        `${JSON.stringify({ choices: [{ delta: { content: 'a horse' } }] })}\n`,
    ],
    ['a caption cut by the token limit', completion(SENTENCE, { finish: 'length' })],
  ])('in %s', (_, body) => {
    expect(answerCaption(body)).toBe(SENTENCE);
  });
});

describe('an answer that is no caption fails, and is asked again only where that may help', () => {
  const error = (value: object): string => JSON.stringify(value);
  test.each<[string, string, RegExp, AnswerError['kind']]>([
    [
      'cut inside <think>',
      completion('<think>\nThe user wants a', { finish: 'length' }),
      /cut inside its reasoning/,
      'declined',
    ],
    [
      'reasoning without end',
      completion('<think>\nThe user wants a'),
      /ends inside its reasoning/,
      'declined',
    ],
    [
      'cut inside the mark',
      completion('<think', { finish: 'length' }),
      /cut inside its reasoning/,
      'declined',
    ],
    [
      'cut inside a channel',
      completion('<|channel|>analysis<|message|>The user', { finish: 'length' }),
      /cut inside/,
      'declined',
    ],
    [
      'cut before the channel',
      completion('<|channel|>analysis', { finish: 'length' }),
      /cut inside/,
      'declined',
    ],
    [
      'cut in a field of its own',
      completion(null, { finish: 'length', extra: { reasoning_content: 'I think' } }),
      /cut inside its reasoning/,
      'declined',
    ],
    [
      'cut in reasoning that nothing marks',
      completion('Okay, the user wants a caption of the image. It may be a', { finish: 'length' }),
      /cut inside its reasoning/,
      'declined',
    ],
    [
      'reasoning alone',
      completion(null, { extra: { reasoning: 'a horse?' } }),
      /nothing besides reasoning/,
      'declined',
    ],
    ['a closing mark at the end', completion('a horse</think>'), /nothing besides reasoning/, 'declined'],
    [
      'a refusal in its field',
      completion(null, { extra: { refusal: 'I cannot' } }),
      /refused: "I cannot"/,
      'declined',
    ],
    ['a refusal in a part', completion([{ type: 'refusal', refusal: 'No.' }]), /refused: "No\."/, 'declined'],
    ['a refusal in words', completion("I'm sorry, but I can't help with that."), /refused/, 'declined'],
    [
      'a refusal in other words',
      completion('I cannot assist with identifying people in images.'),
      /refused/,
      'declined',
    ],
    [
      'an AI’s refusal',
      completion('As an AI language model, I am unable to view images.'),
      /refused/,
      'declined',
    ],
    [
      'no picture seen',
      completion("I don't see any image attached. Please upload it."),
      /refused/,
      'declined',
    ],
    [
      'a refusal in JSON',
      completion('{"caption": "I\'m sorry, I cannot describe this image."}'),
      /refused/,
      'declined',
    ],
    ['a Chinese refusal', completion('抱歉，我无法识别这张图片。'), /refused/, 'declined'],
    ['a content filter', completion('', { finish: 'content_filter' }), /content filter/, 'declined'],
    ['an empty answer', completion(' \n'), /is empty/, 'declined'],
    ['null', completion(null), /is empty/, 'declined'],
    ['an empty caption', completion('{"caption": ""}'), /names nothing/, 'declined'],
    ['marks alone', completion('<|im_end|>'), /nothing besides/, 'declined'],
    ['punctuation alone', completion('...'), /names nothing/, 'declined'],
    ['an answer broken off', completion('a per', { finish: 'error' }), /broke its answer off/, 'broken'],
    ['no choices', error({ choices: [] }), /no choices/, 'broken'],
    ['half a JSON', '{"choices": [{"mess', /is no JSON/, 'broken'],
    ['no body', '', /no body/, 'broken'],
    ['another shape', '[1, 2]', /no chat completion/, 'broken'],
    ['a web page', '<!DOCTYPE html><html><title>Log in</title></html>', /web page.*"Log in"/, 'useless'],
  ])('%s', (_, body, message, kind) => {
    const failure = caught(body);
    expect(failure).toBeInstanceOf(AnswerError);
    expect(failure).toMatchObject({ message: expect.stringMatching(message) as string, kind });
  });

  test.each<[string, object, object]>([
    [
      'an object',
      { error: { message: 'CUDA out of memory', code: 500 } },
      { message: 'CUDA out of memory', status: 500 },
    ],
    ['a string', { error: 'model is loading' }, { message: 'model is loading', status: null }],
    [
      'vLLM’s',
      { object: 'error', message: 'model m not found', code: 404 },
      { message: 'model m not found', status: 404 },
    ],
    ['a detail', { detail: 'Not authenticated' }, { message: 'Not authenticated', status: null }],
    [
      'a list',
      [{ error: { code: 400, message: 'Unknown name "seed"', status: 'INVALID_ARGUMENT' } }],
      { status: 400 },
    ],
    ['complaints', { detail: [{ loc: ['body', 'seed'], msg: 'Extra inputs' }] }, { params: ['seed'] }],
    [
      'an error in a choice',
      { choices: [{ error: { code: 502, message: 'upstream' }, message: { content: '' } }] },
      { status: 502 },
    ],
  ])('an error with a status of success: %s', (_, body, expected) => {
    const failure = caught(error(body));
    expect(failure).toBeInstanceOf(ServerAnswerError);
    expect((failure as ServerAnswerError).error).toMatchObject(expected);
  });
});

function caught(body: string): unknown {
  try {
    return answerCaption(body);
  } catch (error) {
    return error;
  }
}

test('hostile answers are read in little time', () => {
  const pieces = [
    '<think>',
    '</think>',
    '```',
    '"',
    '{"caption":',
    '<|',
    '<answer>',
    '**',
    '[',
    '*a',
    'I am sorry ',
    '<box>',
  ];
  for (const piece of pieces) {
    const started = performance.now();
    caught(completion(piece.repeat(Math.ceil(1_000_000 / piece.length))));
    expect(performance.now() - started).toBeLessThan(2000);
  }
});
