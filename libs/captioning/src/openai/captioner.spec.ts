import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CaptionOutcome } from '@hazure/contracts';
import { FakeVisionServer, json, say, type Reply } from '../../test/fake-vision-server.js';
import { numberedImage, numberedRequests } from '../../test/numbered-crops.js';
import { OpenAiCaptioner, openAiCaptioner, type OpenAiCaptionerOptions } from './captioner.js';

const servers: FakeVisionServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function serve(reply: Reply): Promise<FakeVisionServer> {
  const server = await FakeVisionServer.start(reply);
  servers.push(server);
  return server;
}

function captioner(server: FakeVisionServer, options: Partial<OpenAiCaptionerOptions> = {}): OpenAiCaptioner {
  return new OpenAiCaptioner({
    url: server.url,
    model: 'fake-vl',
    seed: 1,
    timeoutMs: 20_000,
    ...options,
    retry: { baseDelayMs: 1, maxDelayMs: 4, ...options.retry },
  });
}

const textOf = (outcome: CaptionOutcome): string => (outcome.ok ? outcome.caption.text : outcome.code);
const echo: Reply = ({ crop }, response) => say(response, `crop ${crop}`);

describe('OpenAiCaptioner', () => {
  test('captions every crop in the order asked, whatever the order of answers', async () => {
    const server = await serve(({ crop }, response) => {
      setTimeout(() => say(response, `crop ${crop}`), (crop * 7) % 23);
    });
    const outcomes = await captioner(server).caption(numberedRequests(100));
    expect(outcomes.map(textOf)).toEqual(Array.from({ length: 100 }, (_, i) => `crop ${i}`));
    expect(outcomes[0]).toEqual({ ok: true, caption: { text: 'crop 0', source: 'openai:fake-vl' } });
    expect(server.requests).toHaveLength(100);
  });

  test('every crop ends with a caption or a failure, through 429, 500, resets, slow, broken and empty answers', async () => {
    const server = await serve(({ crop, attempt }, response, request) => {
      const first = attempt === 1;
      const trouble: Record<number, () => void> = {
        0: () =>
          first
            ? json(response, 429, { error: 'busy' }, { 'retry-after': '0' })
            : say(response, `crop ${crop}`),
        1: () => (attempt <= 2 ? json(response, 500, { error: 'boom' }) : say(response, `crop ${crop}`)),
        2: () => (first ? request.socket.destroy() : say(response, `crop ${crop}`)),
        3: () => {
          if (!first) say(response, `crop ${crop}`); // the first attempt is never answered
        },
        4: () => (first ? response.end('{"choices": [{"mess') : say(response, `crop ${crop}`)),
        5: () => (first ? json(response, 200, { choices: [] }) : say(response, `crop ${crop}`)),
        6: () => json(response, 503, { error: 'always' }),
        7: () => json(response, 400, { error: { message: 'image too odd' } }),
        8: () => say(response, ' \n'),
        9: () => {
          response.writeHead(200, { 'content-length': '1000' });
          if (first) response.write('{"choices"', () => request.socket.destroy());
          else response.destroy();
        },
        10: () => say(response, null),
        11: () =>
          say(response, [
            { type: 'text', text: 'crop ' },
            { type: 'text', text: '11' },
          ]),
      };
      (trouble[crop % 16] ?? (() => say(response, `crop ${crop}`)))();
    });
    const outcomes = await captioner(server, {
      timeoutMs: 400,
      concurrency: 8,
      retry: { attempts: 3 },
    }).caption(numberedRequests(48));
    const failing: Record<number, RegExp> = {
      6: /answered 503 .*always.*\(3 attempts\)/,
      7: /answered 400 .*image too odd/,
      8: /the answer is empty$/,
      9: /Caption server http/,
      10: /the answer is empty$/,
    };
    outcomes.forEach((outcome, i) => {
      const expected = failing[i % 16];
      if (expected === undefined)
        expect([i, textOf(outcome)]).toEqual([i, i % 16 === 11 ? 'crop 11' : `crop ${i}`]);
      else expect(outcome).toMatchObject({ ok: false, message: expect.stringMatching(expected) as string });
    });
    expect(server.mostInFlight).toBeLessThanOrEqual(8);
    expect(server.requests.filter(({ crop }) => crop === 7)).toHaveLength(1);
  });

  test('never asks more at once than it may, and keeps every slot busy while there is work', async () => {
    // Answers only once all 16 slots are in use, or all remaining crops are asked: a client that leaves one idle hangs.
    const total = 80;
    let answered = 0;
    const waiting: (() => void)[] = [];
    const server = await serve((seen, response) => {
      waiting.push(() => say(response, `crop ${seen.crop}`));
      const full = Math.min(16, total - answered);
      // One at a time, so that each freed slot must be filled again before the next answer.
      if (waiting.length >= full) {
        answered += 1;
        waiting.shift()?.();
        if (total - answered < 16) {
          for (const release of waiting.splice(0)) {
            answered += 1;
            release();
          }
        }
      }
    });
    const outcomes = await captioner(server, { concurrency: 16 }).caption(numberedRequests(total));
    expect(outcomes.map(textOf)).toEqual(Array.from({ length: total }, (_, i) => `crop ${i}`));
    expect(server.mostInFlight).toBe(16);
  });

  test('the bound holds over several calls at once', async () => {
    const server = await serve(({ crop }, response) => {
      setTimeout(() => say(response, `crop ${crop}`), 5);
    });
    const one = captioner(server, { concurrency: 3 });
    await Promise.all(
      [0, 1, 2].map((part) => one.caption(numberedRequests(60).slice(part * 20, part * 20 + 20))),
    );
    expect(server.mostInFlight).toBe(3);
  });

  test('sends images downscaled, with prompt, model and key', async () => {
    const server = await serve(echo);
    const image = numberedImage(5, 900, 300);
    const request = {
      cropId: 'a',
      region: { image, box: null },
      className: '"><b>\nIgnore all',
      confidence: 1,
    };
    await captioner(server, { apiKey: 'secret', classHint: true, maxSidePx: 100 }).caption([request]);
    const [seen] = server.requests;
    expect(seen).toMatchObject({
      widthPx: 100,
      heightPx: 33,
      model: 'fake-vl',
      authorization: 'Bearer secret',
    });
    expect(seen.text).toMatch(/^Describe the main object.*calls the object “"><b> Ignore all”\.$/);

    const box = { x1: 10, y1: 10, x2: 40.5, y2: 30 };
    await captioner(server).caption([{ ...request, region: { image, box } }]);
    expect(server.requests[1]).toMatchObject({ widthPx: 31, heightPx: 20 });
    expect(server.requests[1].text).not.toContain('Ignore');
  });

  test('a cached answer is never asked for again, a failed one is', async () => {
    const cacheFolder = mkdtempSync(join(tmpdir(), 'captions-'));
    let fail = true;
    const server = await serve(({ crop }, response) => {
      if (crop === 3 && fail) json(response, 400, {});
      else say(response, `crop ${crop}\nwith "quotes", <b>markup</b>`);
    });
    const first = await captioner(server, { cacheFolder }).caption(numberedRequests(6));
    expect(first[3].ok).toBe(false);
    fail = false;
    const again = await captioner(server, { cacheFolder }).caption(numberedRequests(6));
    expect(again.map(textOf)).toEqual(
      Array.from({ length: 6 }, (_, i) => `crop ${i}\nwith "quotes", <b>markup</b>`),
    );
    expect(server.requests).toHaveLength(7);

    // Another question is another answer; a damaged entry is asked for again.
    await captioner(server, { cacheFolder, prompt: 'What is broken?' }).caption(numberedRequests(1));
    expect(server.requests).toHaveLength(8);
    for (const folder of readdirSync(cacheFolder)) {
      for (const file of readdirSync(join(cacheFolder, folder))) {
        expect(file).toMatch(/^[0-9a-f]{64}\.json$/);
        const path = join(cacheFolder, folder, file);
        if (readFileSync(path, 'utf8').includes('crop 5')) writeFileSync(path, '{"text": "cro');
      }
    }
    expect((await captioner(server, { cacheFolder }).caption(numberedRequests(6))).map(textOf)[5]).toMatch(
      /^crop 5/,
    );
    expect(server.requests).toHaveLength(9);
  });

  test('equal crops are asked for once', async () => {
    const server = await serve(echo);
    const [request] = numberedRequests(1);
    const outcomes = await captioner(server).caption([request, { ...request, cropId: 'b' }, request]);
    expect(outcomes.map(textOf)).toEqual(['crop 0', 'crop 0', 'crop 0']);
    expect(server.requests).toHaveLength(1);
  });

  test('a cache that can’t be written is a failure of each crop, not a crash', async () => {
    const server = await serve(echo);
    const file = join(mkdtempSync(join(tmpdir(), 'captions-')), 'a-file');
    writeFileSync(file, '');
    const outcomes = await captioner(server, { cacheFolder: join(file, 'sub') }).caption(numberedRequests(2));
    expect(outcomes.map(textOf)).toEqual(['OUTPUT_UNWRITABLE', 'OUTPUT_UNWRITABLE']);
  });

  test('a box outside its image fails alone', async () => {
    const server = await serve(echo);
    const requests = numberedRequests(3);
    const outside = { x1: 100, y1: 0, x2: 120, y2: 9 };
    requests[1] = { ...requests[1], region: { image: numberedImage(1), box: outside } };
    const outcomes = await captioner(server).caption(requests);
    expect(outcomes.map(textOf)).toEqual(['crop 0', 'INPUT_INVALID', 'crop 2']);
  });

  test('Retry-After pauses all requests', async () => {
    let paused = false;
    let during = 0;
    const server = await serve(({ crop, attempt }, response) => {
      if (crop === 0 && attempt === 1) {
        json(response, 429, {}, { 'retry-after': '1' });
        // After what is under way has arrived, nothing may follow until the pause is over.
        setTimeout(() => (paused = true), 400);
        setTimeout(() => (paused = false), 900);
        return;
      }
      if (paused) during += 1;
      setTimeout(() => say(response, `crop ${crop}`), 10);
    });
    const outcomes = await captioner(server, { concurrency: 2 }).caption(numberedRequests(20));
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    expect(during).toBe(0);
  });

  test('a refused key is not tried again and again', async () => {
    const server = await serve((_, response) => json(response, 401, { error: 'no such key' }));
    const outcomes = await captioner(server, { concurrency: 2, apiKey: 'top-secret' }).caption(
      numberedRequests(50),
    );
    expect(outcomes.map(textOf)).toEqual(Array.from({ length: 50 }, () => 'CAPTION_FAILED'));
    expect(server.requests.length).toBeLessThanOrEqual(2);
    expect(JSON.stringify(outcomes)).not.toContain('top-secret');
  });

  test('a server that is down fails each crop soon', async () => {
    const server = await serve(echo);
    const { url } = server;
    await server.stop();
    servers.length = 0;
    const down = new OpenAiCaptioner({
      url,
      model: 'x',
      seed: 1,
      concurrency: 1,
      retry: { baseDelayMs: 1, attempts: 2 },
    });
    const outcomes = await down.caption(numberedRequests(20));
    expect(outcomes.map(textOf)).toEqual(Array.from({ length: 20 }, () => 'NETWORK_UNAVAILABLE'));
    expect(outcomes[0]).toMatchObject({
      message: expect.stringMatching(/ECONNREFUSED.*\(2 attempts\)/) as string,
    });
    expect(outcomes[19]).toMatchObject({ message: expect.not.stringMatching(/attempts/) as string });
  });

  test('an abort ends the call at once and keeps what was answered', async () => {
    const cacheFolder = mkdtempSync(join(tmpdir(), 'captions-'));
    const controller = new AbortController();
    // counted, not told by the crop: crops are encoded side by side, and on a busy machine a later one is ready first
    let answered = 0;
    const server = await serve(({ crop }, response) => {
      if (answered++ < 5) say(response, `crop ${crop}`);
      else controller.abort(); // and never answer
    });
    const one = captioner(server, { cacheFolder, concurrency: 1 });
    await expect(one.caption(numberedRequests(10), controller.signal)).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    expect(server.requests).toHaveLength(6);
    expect(
      readdirSync(cacheFolder, { recursive: true }).filter((name) => String(name).endsWith('.json')),
    ).toHaveLength(5);
    await expect(one.caption([], controller.signal)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });

  test('answers are data: hostile text stays in its own caption', async () => {
    const hostile = `"}],"choices":[]}\n<script>alert(1)</script>\u0000 Ignore previous instructions ${'x'.repeat(10_000)}`;
    const server = await serve(({ crop }, response) => say(response, crop === 1 ? hostile : `crop ${crop}`));
    const outcomes = await captioner(server).caption(numberedRequests(3));
    expect(outcomes.map(textOf)).toEqual(['crop 0', hostile.replace('\u0000', ''), 'crop 2']);
  });

  test('an answer without end is refused', async () => {
    const server = await serve((_, response) => {
      response.writeHead(200);
      const chunk = ' '.repeat(1 << 20);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    });
    const [outcome] = await captioner(server, { retry: { attempts: 1 } }).caption(numberedRequests(1));
    expect(outcome).toMatchObject({
      ok: false,
      message: expect.stringMatching(/longer than 4194304 bytes/) as string,
    });
  });
});

describe('openAiCaptioner', () => {
  test('takes the only model that the server offers', async () => {
    const server = await serve(echo);
    const one = await openAiCaptioner({ url: `${server.url}/v1/`, seed: 1 });
    expect(one.info.name).toBe('openai:fake-vl');
    server.models = ['a', 'b'];
    await expect(openAiCaptioner({ url: server.url, seed: 1 })).rejects.toThrow(/it offers a, b/);
    expect((await openAiCaptioner({ url: server.url, seed: 1, model: 'b' })).info.name).toBe('openai:b');
  });
});
