import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import {
  FakeClock,
  HubServer,
  RecordingLogger,
  VisionServer,
  intersectionOverUnion,
  makeTinyModel,
  paintPicture,
} from '../src/index.js';

const folder = mkdtempSync(join(tmpdir(), 'test-kit-'));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('tiny models', () => {
  test('have the real layout, and the same seed gives the same weights', () => {
    const made = ['a', 'b', 'c'].map((name) =>
      makeTinyModel('dfine', join(folder, name), name === 'c' ? ['--seed', '2'] : []),
    );
    for (const file of ['config.json', 'preprocessor_config.json', 'onnx/model.onnx']) {
      expect(existsSync(join(made[0], file))).toBe(true);
    }
    const [a, b, c] = made.map((each) => sha256(readFileSync(join(each, 'onnx/model.onnx'))));
    expect(b).toBe(a);
    expect(c).not.toBe(a);
  });

  test('a script that fails says why', () => {
    expect(() => makeTinyModel('clip', join(folder, 'clip'), ['--precisions', 'fp12'])).toThrow(
      /fp12|suffix/,
    );
  });
});

test('painted pictures are repeatable and differ by number', async () => {
  for (const [name, number] of [
    ['one.png', 1],
    ['again.png', 1],
    ['two.png', 2],
  ] as const) {
    await paintPicture(join(folder, name), number, 64, 48);
  }
  const [one, again, two] = ['one.png', 'again.png', 'two.png'].map((name) =>
    readFileSync(join(folder, name)),
  );
  expect(again.equals(one)).toBe(true);
  expect(two.equals(one)).toBe(false);
  expect(await sharp(one).metadata()).toMatchObject({ width: 64, height: 48, channels: 3 });
});

describe('overlap', () => {
  const box = fc
    .tuple(...[0, 0, 1, 1].map((least) => fc.integer({ min: least, max: 50 })))
    .map(([x, y, w, h]) => ({ x1: x, y1: y, x2: x + w, y2: y + h }));

  test('is symmetric, within 0 and 1, and 1 with itself', () => {
    fc.assert(
      fc.property(box, box, (a, b) => {
        const overlap = intersectionOverUnion(a, b);
        expect(overlap).toBe(intersectionOverUnion(b, a));
        expect(overlap).toBeGreaterThanOrEqual(0);
        expect(overlap).toBeLessThanOrEqual(1);
        expect(intersectionOverUnion(a, a)).toBe(1);
      }),
    );
  });

  test('equals counting whole pixels', () => {
    fc.assert(
      fc.property(box, box, (a, b) => {
        let [both, either] = [0, 0];
        for (let y = 0; y < 100; y++) {
          for (let x = 0; x < 100; x++) {
            const inA = x >= a.x1 && x < a.x2 && y >= a.y1 && y < a.y2;
            const inB = x >= b.x1 && x < b.x2 && y >= b.y1 && y < b.y2;
            if (inA && inB) both++;
            if (inA || inB) either++;
          }
        }
        expect(intersectionOverUnion(a, b)).toBeCloseTo(both / either, 12);
      }),
      { numRuns: 30 },
    );
  });
});

test('a fake clock moves when it is told to, a recording logger keeps what it heard', () => {
  const clock = new FakeClock();
  clock.advance(1500);
  expect([clock.monotonicMs(), clock.now().toISOString()]).toEqual([1500, '2026-01-01T00:00:01.500Z']);
  const logger = new RecordingLogger();
  logger.warn('low', { code: 'X' });
  logger.info('fine');
  expect(logger.messages('warn')).toEqual(['low']);
  expect(logger.lines[0]).toEqual({ level: 'warn', message: 'low', fields: { code: 'X' } });
});

describe('servers', () => {
  test('the caption server answers as told and counts each picture', async () => {
    const server = await VisionServer.start(({ text, attempt }) =>
      text === 'fail' ? { status: 503 } : `${text} ${attempt}`,
    );
    const ask = (content: unknown): Promise<Response> =>
      fetch(`${server.url}/chat/completions`, {
        method: 'POST',
        body: JSON.stringify({ model: 'fake-vl', messages: [{ role: 'user', content }] }),
      });
    try {
      expect(await (await fetch(`${server.url}/models`)).json()).toEqual({ data: [{ id: 'fake-vl' }] });
      await ask('hello');
      const second = (await (await ask('hello')).json()) as {
        choices: { message: { content: string } }[];
      };
      expect(second.choices[0].message.content).toBe('hello 2');
      expect((await ask('fail')).status).toBe(503);
      expect(server.questions).toBe(3);
    } finally {
      await server.stop();
    }
  });

  test('the hub lists digests, redirects large files, serves ranges, spoils on demand', async () => {
    const model = join(folder, 'model');
    mkdirSync(model, { recursive: true });
    writeFileSync(join(model, 'a.onnx'), 'weights of a model');
    const hub = await HubServer.start();
    hub.add('owner/name', model);
    try {
      const listing = (await (await fetch(`${hub.url}/api/models/owner/name/revision/main`)).json()) as {
        sha: string;
        siblings: { rfilename: string; lfs: { sha256: string } }[];
      };
      expect(listing.siblings[0]).toMatchObject({
        rfilename: 'a.onnx',
        lfs: { sha256: sha256(Buffer.from('weights of a model')) },
      });
      const url = `${hub.url}/owner/name/resolve/${listing.sha}/a.onnx`;
      const part = await fetch(url, { headers: { range: 'bytes=8-' } });
      expect([part.status, await part.text()]).toEqual([206, 'of a model']);
      hub.spoil = 'a.onnx';
      expect(await (await fetch(url)).text()).not.toBe('weights of a model');
      expect((await fetch(`${hub.url}/owner/none/resolve/${listing.sha}/a.onnx`)).status).toBe(404);
    } finally {
      await hub.stop();
    }
  });
});
