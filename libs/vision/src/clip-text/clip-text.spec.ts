import { mkdtempSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EmbeddingMatrix, TextEmbedder } from '@hazure/contracts';
import type { Tensor, TensorInfo } from '@hazure/native-engine';
import { makeTinyClip } from '../../test/tiny-clip.js';
import { fillTemplate, LabelEmbeddings } from './label-embeddings.js';
import { ClipSimilarity } from './similarity.js';
import { ClipTextEmbedder, type TextSession } from './text-embedder.js';
import { ClipTokenizer } from './tokenizer.js';

const folder = makeTinyClip(null);
const INFO = { name: 'fake', sha256: 'a'.repeat(64), licence: null, device: 'cpu' };

/** Embeds a text as [number of tokens, 1]; refuses what a model of these shapes would refuse. */
function fakeSession(
  dims: [number, number],
  type: 'float32' | 'float16' = 'float32',
  names = ['input_ids', 'attention_mask'],
): TextSession & { runs: number[][] } {
  const inputs: TensorInfo[] = names.map((name) => ({ name, type: 'int64', dims }));
  const runs: number[][] = [];
  return {
    inputs,
    outputs: [
      { name: 'last_hidden_state', type, dims: [-1, -1, 2] },
      { name: 'text_embeds', type, dims: [-1, 2] },
    ],
    runs,
    run: (feeds: Readonly<Record<string, Tensor>>) => {
      expect(Object.keys(feeds).sort()).toEqual([...names].sort());
      const [rows, cols] = feeds['input_ids'].dims;
      if ((dims[0] > 0 && rows !== dims[0]) || (dims[1] > 0 && cols !== dims[1])) throw new Error('shape');
      runs.push([rows, cols]);
      const mask = feeds['attention_mask'].data as BigInt64Array;
      const values = Array.from({ length: rows }, (_, row) => [
        Number(mask.subarray(row * cols, (row + 1) * cols).reduce((a, b) => a + b)),
        1,
      ]).flat();
      // 16-bit floats of small integers: exponent and fraction by hand.
      const half = (v: number): number =>
        ((15 + Math.floor(Math.log2(v))) << 10) | ((v / 2 ** Math.floor(Math.log2(v)) - 1) * 1024);
      const data = type === 'float32' ? Float32Array.from(values) : Uint16Array.from(values, half);
      return Promise.resolve({ text_embeds: { type, dims: [rows, 2], data } });
    },
    close: () => Promise.resolve(),
  };
}

describe('ClipTextEmbedder', () => {
  test.each<[string, [number, number], 'float32' | 'float16']>([
    ['open shapes', [-1, -1], 'float32'],
    ['a fixed length', [-1, 77], 'float32'],
    ['a fixed batch', [3, 77], 'float32'],
    ['16-bit outputs', [-1, -1], 'float16'],
  ])('embeds with %s', async (_, dims, type) => {
    const session = fakeSession(dims, type);
    const embedder = await ClipTextEmbedder.create(session, await ClipTokenizer.fromFolder(folder), INFO);
    expect(embedder.dimensions).toBe(2);
    const { data, rows } = await embedder.embed(['', 'ab', 'abc', 'abcd']);
    expect(rows).toBe(4);
    // start + letters + end tokens
    [2, 4, 5, 6].forEach((tokens, i) => {
      expect(data[2 * i] / data[2 * i + 1]).toBeCloseTo(tokens, 4);
      expect(Math.hypot(data[2 * i], data[2 * i + 1])).toBeCloseTo(1, 6);
    });
    expect((await embedder.embed([])).rows).toBe(0);
  });

  test('splits many texts into batches', async () => {
    const session = fakeSession([-1, -1]);
    const embedder = await ClipTextEmbedder.create(session, await ClipTokenizer.fromFolder(folder), INFO);
    session.runs.length = 0;
    const texts = Array.from({ length: 150 }, (_, i) => 'x'.repeat(i % 7));
    const { data } = await embedder.embed(texts);
    expect(session.runs.map(([rows]) => rows)).toEqual([64, 64, 22]);
    texts.forEach((text, i) => expect(data[2 * i] / data[2 * i + 1]).toBeCloseTo(text.length + 2, 4));
  });

  test('refuses a model that is no text tower', async () => {
    const tokenizer = await ClipTokenizer.fromFolder(folder);
    const both = fakeSession([-1, -1], 'float32', ['input_ids', 'pixel_values', 'attention_mask']);
    await expect(ClipTextEmbedder.create(both, tokenizer, INFO)).rejects.toMatchObject({
      code: 'MODEL_UNSUPPORTED',
    });
    const noOutput = {
      ...fakeSession([-1, -1]),
      outputs: [{ name: 'logits', type: 'float32' as const, dims: [-1] }],
    };
    await expect(ClipTextEmbedder.create(noOutput, tokenizer, INFO)).rejects.toThrow(
      /text_embeds expected, got inputs input_ids/,
    );
  });
});

describe('ClipTokenizer', () => {
  test('pads to the longest text, or to a fixed length', async () => {
    const tokenizer = await ClipTokenizer.fromFolder(folder);
    const batch = tokenizer.encodeBatch(['', 'abc']);
    expect([batch.rows, batch.cols]).toEqual([2, 5]);
    expect(Array.from(batch.mask)).toEqual([1n, 1n, 0n, 0n, 0n, 1n, 1n, 1n, 1n, 1n]);
    expect(tokenizer.encodeBatch(['abc'], 77).cols).toBe(77);
    const cut = tokenizer.encodeBatch(['abcdefgh'], 4);
    expect(cut.ids.at(-1)).toBe(tokenizer.encodeBatch(['']).ids.at(-1));
  });

  test('says what is missing or broken', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'tokenizer-'));
    await expect(ClipTokenizer.fromFolder(empty)).rejects.toMatchObject({ code: 'MODEL_MISSING' });
    writeFileSync(join(empty, 'tokenizer.json'), '{');
    writeFileSync(join(empty, 'tokenizer_config.json'), '{}');
    await expect(ClipTokenizer.fromFolder(empty)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });
});

/** Counts what it is asked; a text's vector is its length's angle. */
class CountingEmbedder implements TextEmbedder {
  readonly dimensions = 2;
  asked: string[] = [];
  constructor(readonly info = INFO) {}
  embed(texts: readonly string[]): Promise<EmbeddingMatrix> {
    this.asked.push(...texts);
    const data = Float32Array.from(texts.flatMap((t) => [Math.cos(t.length / 50), Math.sin(t.length / 50)]));
    return Promise.resolve({ data, rows: texts.length, cols: 2 });
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

describe('LabelEmbeddings', () => {
  test('averages the templates as a unit vector, asks once, and keeps it on disk by model', async () => {
    const cache = mkdtempSync(join(tmpdir(), 'labels-'));
    const first = new CountingEmbedder();
    const labels = new LabelEmbeddings(first, ['{}', '{}{}'], cache);
    const { data } = await labels.of(['car', 'car', 'horse']);
    const angle = (a: number, b: number): number => (a / 50 + b / 50) / 2;
    expect(data[0]).toBeCloseTo(Math.cos(angle(3, 6)), 6);
    expect(data[3]).toBeCloseTo(data[1], 12);
    expect(data[5]).toBeCloseTo(Math.sin(angle(5, 10)), 6);
    expect(first.asked).toEqual(['car', 'carcar', 'horse', 'horsehorse']);
    await labels.of(['horse']);
    expect(first.asked).toHaveLength(4);

    const second = new CountingEmbedder();
    expect(
      (await new LabelEmbeddings(second, ['{}', '{}{}'], cache).of(['horse', 'car'])).data[1],
    ).toBeCloseTo(data[5], 12);
    expect(second.asked).toEqual([]);

    // Other templates, another model, a damaged entry, a model without a hash: asked again.
    await new LabelEmbeddings(second, ['{}'], cache).of(['car']);
    expect(second.asked).toEqual(['car']);
    const other = new CountingEmbedder({ ...INFO, sha256: 'b'.repeat(64) });
    await new LabelEmbeddings(other, ['{}', '{}{}'], cache).of(['car']);
    expect(other.asked).toHaveLength(2);
    const model = join(cache, 'a'.repeat(64));
    for (const file of readdirSync(model)) truncateSync(join(model, file), 4);
    await new LabelEmbeddings(second, ['{}', '{}{}'], cache).of(['car']);
    expect(second.asked).toEqual(['car', 'car', 'carcar']);
    const nameless = new CountingEmbedder({ ...INFO, sha256: null as unknown as string });
    await new LabelEmbeddings(nameless, ['{}'], cache).of(['car']);
    await new LabelEmbeddings(nameless, ['{}'], cache).of(['car']);
    expect(nameless.asked).toHaveLength(2);
  });

  test('a cache that can’t be written costs only the cache', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'labels-')), 'file');
    writeFileSync(file, '');
    const { rows } = await new LabelEmbeddings(new CountingEmbedder(), ['{}'], file).of(['car']);
    expect(rows).toBe(1);
  });

  test('labels are put into templates character for character', () => {
    expect(fillTemplate('a photo of a {}.', `$& "{}" <b>\n`)).toBe(`a photo of a $& "{}" <b>\n.`);
  });
});

describe('ClipSimilarity', () => {
  test('gives cosines of captions and labels', async () => {
    const similarity = new ClipSimilarity(new CountingEmbedder(), { templates: ['{}'] });
    expect(similarity.name).toBe('clip:fake');
    const values = await similarity.similarities(['car', 'elephants'], ['car', 'horse', 'x'.repeat(200)]);
    expect(values[0]).toBeCloseTo(1, 6);
    expect(values[4]).toBeCloseTo(Math.cos(4 / 50), 6);
    expect(values[2]).toBeCloseTo(Math.cos(197 / 50), 6);
    expect(await similarity.similarities([], ['a'])).toHaveLength(0);
    expect(await similarity.similarities(['a'], [])).toHaveLength(0);
  });
});
