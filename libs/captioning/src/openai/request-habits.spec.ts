import type { CaptionOutcome } from '@hazure/contracts';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { numberedRequests } from '../../test/numbered-crops.js';
import { OpenAiCaptioner } from './captioner.js';
import { RequestHabits } from './request-habits.js';

type Body = Record<string, unknown>;
type Answer = { readonly status: number; readonly body: unknown; readonly headers?: Record<string, string> };

const said = { status: 200, body: { choices: [{ message: { content: 'a horse' }, finish_reason: 'stop' }] } };
let server: Server;
let seen: Body[];
afterEach(() => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))));

/** Captions by a server that answers as `reply` says. */
async function captions(
  reply: (body: Body) => Answer,
  options: { count?: number; notices?: string[]; habits?: RequestHabits } = {},
): Promise<CaptionOutcome[]> {
  seen = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as Body;
      seen.push(body);
      const { status, body: answer, headers } = reply(body);
      response.writeHead(status, headers ?? { 'content-type': 'application/json' });
      response.end(Buffer.isBuffer(answer) || typeof answer === 'string' ? answer : JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const captioner = new OpenAiCaptioner({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    model: 'm',
    seed: 1,
    concurrency: 4,
    retry: { attempts: 3, baseDelayMs: 1 },
    onNotice: (notice) => options.notices?.push(notice),
    ...(options.habits ? { habits: options.habits } : {}),
  });
  const outcomes = await captioner.caption(numberedRequests(options.count ?? 1));
  await captioner.close();
  return outcomes;
}

/** Refuses a request that has `key`, as some server does. */
const refusing = (key: string, status: number, body: unknown) => (request: Body) =>
  key in request ? { status, body } : said;

describe('a parameter that the server refuses', () => {
  test.each<[string, string, number, unknown]>([
    [
      'OpenAI, max_tokens',
      'max_tokens',
      400,
      {
        error: {
          message:
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
          param: 'max_tokens',
          code: 'unsupported_parameter',
        },
      },
    ],
    [
      'OpenAI, temperature',
      'temperature',
      400,
      {
        error: {
          message:
            "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
          param: 'temperature',
        },
      },
    ],
    [
      'FastAPI, seed',
      'seed',
      422,
      { detail: [{ type: 'extra_forbidden', loc: ['body', 'seed'], msg: 'Extra inputs are not permitted' }] },
    ],
    [
      'Gemini, seed',
      'seed',
      400,
      [
        {
          error: {
            code: 400,
            message: 'Invalid JSON payload received. Unknown name "seed": Cannot find field.',
          },
        },
      ],
    ],
    ['a string', 'seed', 400, { error: 'unknown field: seed' }],
    ['a line of text', 'seed', 400, 'json: unknown field "seed"'],
    ['an answer of 200', 'seed', 200, { error: { message: 'unrecognized request argument supplied: seed' } }],
    [
      'TGI, response_format',
      'response_format',
      422,
      {
        error:
          'Failed to deserialize: response_format: unknown variant `json_schema`, expected `json_object`',
      },
    ],
    [
      'vLLM without guided decoding',
      'response_format',
      400,
      { object: 'error', message: 'guided decoding is not supported with this model', code: 400 },
    ],
    [
      'a server that falls over a schema',
      'response_format',
      500,
      { error: { message: 'response_format is not implemented' } },
    ],
  ])('%s: is left out of this and all later requests, and said once', async (_, key, status, body) => {
    const notices: string[] = [];
    const outcomes = await captions(refusing(key, status, body), { count: 24, notices });
    expect(outcomes.map((each) => each.ok && each.caption.text)).toEqual(
      Array.from({ length: 24 }, () => 'a horse'),
    );
    expect(notices).toEqual([expect.stringContaining(`refuses ${key}`)]);
    // Only what was under way when it was learnt was asked in vain: at most one question a slot.
    const inVain = seen.filter((request) => key in request).length;
    expect(inVain).toBeLessThanOrEqual(4);
    expect(seen).toHaveLength(24 + inVain);
    const last = seen.at(-1)!;
    expect('max_completion_tokens' in last).toBe(key === 'max_tokens');
  });

  test('several of them, one after another', async () => {
    const notices: string[] = [];
    const [outcome] = await captions(
      (request) => {
        const key = ['response_format', 'seed', 'max_tokens', 'max_completion_tokens', 'temperature'].find(
          (each) => each in request,
        );
        return key === undefined
          ? said
          : { status: 400, body: { error: { message: `Unknown parameter: '${key}'`, param: key } } };
      },
      { notices },
    );
    expect(outcome.ok).toBe(true);
    expect(Object.keys(seen.at(-1)!).sort()).toEqual(['messages', 'model']);
    expect(notices).toHaveLength(5);
  });

  test('is known to other clients that share the habits', async () => {
    const habits = new RequestHabits();
    const refusal = refusing('seed', 400, { error: 'unknown field: seed' });
    await captions(refusal, { habits });
    await new Promise((resolve) => server.close(resolve));
    await captions(refusal, { habits });
    expect(seen.filter((request) => 'seed' in request)).toEqual([]);
  });

  test.each<[string, unknown]>([
    ['the picture', { error: { message: 'Invalid image: cannot identify image file' } }],
    [
      'the question’s length',
      {
        error: { message: "'max_tokens' is too large: 96. This model's maximum context length is 64 tokens" },
      },
    ],
    ['the model', { error: { message: 'The model seed-vl does not exist' } }],
    ['the messages', { detail: [{ loc: ['body', 'messages', 0], msg: 'invalid: seed' }] }],
  ])('a refusal of %s fails the crop, and is asked once', async (_, body) => {
    const [outcome] = await captions(() => ({ status: 400, body }));
    expect(outcome).toMatchObject({ ok: false, code: 'CAPTION_FAILED' });
    expect(seen).toHaveLength(1);
  });
});

describe('asking again', () => {
  const completion = (content: unknown, finish = 'stop', extra = {}): Answer => ({
    status: 200,
    body: { choices: [{ message: { content, ...extra }, finish_reason: finish }] },
  });

  test.each<[string, Answer]>([
    ['a refusal', completion(null, 'stop', { refusal: 'I cannot' })],
    ['an empty answer', completion('')],
    ['an answer cut inside its reasoning', completion('<think> hm', 'length')],
    [
      'a web page',
      { status: 200, body: '<html><title>Log in</title></html>', headers: { 'content-type': 'text/html' } },
    ],
  ])('%s is not asked again at temperature 0', async (_, answer) => {
    const [outcome] = await captions(() => answer);
    expect(outcome).toMatchObject({ ok: false, code: 'CAPTION_FAILED' });
    expect(seen).toHaveLength(1);
  });

  test('an empty answer is asked again where the server samples', async () => {
    const outcomes = await captions((request) => {
      if ('temperature' in request)
        return { status: 400, body: { error: { message: 'no', param: 'temperature' } } };
      return seen.length < 3 ? completion('') : said;
    });
    expect(outcomes[0]).toMatchObject({ ok: true });
  });

  test('an error inside an answer of 200 is asked again by its own status', async () => {
    await captions(() => ({ status: 200, body: { error: { message: 'CUDA out of memory', code: 500 } } }));
    expect(seen).toHaveLength(3);
  });
});

describe('bodies', () => {
  const text = JSON.stringify({ choices: [{ message: { content: 'a café' } }] });
  test.each<[string, Buffer, Record<string, string>]>([
    ['UTF-8', Buffer.from(text), { 'content-type': 'application/json' }],
    [
      'declared Latin-1',
      Buffer.from(text, 'latin1'),
      { 'content-type': 'application/json; charset="iso-8859-1"' },
    ],
    ['undeclared Latin-1', Buffer.from(text, 'latin1'), { 'content-type': 'application/json' }],
    ['UTF-16', Buffer.from(`\uFEFF${text}`, 'utf16le'), { 'content-type': 'text/plain; charset=utf-16le' }],
    ['no content type', Buffer.from(text), {}],
    ['an unknown character set', Buffer.from(text), { 'content-type': 'application/json; charset=nonsense' }],
    ['packed', gzipSync(text), { 'content-encoding': 'gzip' }],
  ])('%s', async (_, body, headers) => {
    expect(await captions(() => ({ status: 200, body, headers }))).toEqual([
      { ok: true, caption: { text: 'a café', source: 'openai:m' } },
    ]);
  });

  test('a packed answer without end is refused', async () => {
    const [outcome] = await captions(() => ({
      status: 200,
      body: gzipSync(Buffer.alloc(64 << 20)),
      headers: { 'content-encoding': 'gzip' },
    }));
    expect(outcome).toMatchObject({
      ok: false,
      message: expect.stringMatching(/longer than 4194304 bytes/) as string,
    });
  });
});
