import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadEngine, type PreprocessSpec } from '@hazure/native-engine';
import sharp from 'sharp';
import { ClipTextEmbedder, ClipTokenizer } from '../src/clip-text/index.js';
import { thousandStrings } from './strings.js';
import { askTransformers, makeTinyClip, realVocabulary } from './tiny-clip.js';

const engine = loadEngine();

/** Of the 1,000 strings, those whose embeddings are compared too. */
const EMBEDDED = 200;

const cosine = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let dot = 0;
  for (let i = 0; i < a.length; i++) dot += a[i] * b[i];
  return dot;
};

async function textEmbedder(folder: string): Promise<ClipTextEmbedder> {
  const session = await engine.loadSession(join(folder, 'onnx', 'text_model.onnx'), { device: 'cpu' });
  const info = { name: 'tiny-clip', sha256: null, licence: null, device: 'cpu' };
  return ClipTextEmbedder.create(session, await ClipTokenizer.fromFolder(folder), info);
}

const real = realVocabulary();
const vocabularies: [string, string | null][] = [['a vocabulary of bytes', null]];
if (real !== null) vocabularies.push(['CLIP’s vocabulary', real]);

describe.each(vocabularies)('text as transformers.js, with %s', (_, vocabulary) => {
  const folder = makeTinyClip(vocabulary);
  const strings = thousandStrings();
  const reference = askTransformers(folder, { tokenise: strings, texts: strings.slice(0, EMBEDDED) });

  test('the same tokens for 1,000 strings', async () => {
    const tokenizer = await ClipTokenizer.fromFolder(folder);
    expect(strings).toHaveLength(1000);
    let whole = 0;
    strings.forEach((text, i) => {
      const expected = reference.tokens[i];
      const ours = tokenizer.encode(text);
      if (expected.length <= 77) {
        whole += 1;
        expect([text, ours]).toEqual([text, expected]);
      } else {
        // Longer ones keep the end token, which transformers.js cuts off.
        expect([text, ours]).toEqual([text, [...expected.slice(0, 76), expected.at(-1)]]);
      }
    });
    expect(whole).toBeGreaterThan(vocabulary === null ? 700 : 990);
  });

  test('the same embeddings, alone and in batches of any length', async () => {
    const embedder = await textEmbedder(folder);
    const { data, rows, cols } = await embedder.embed(strings.slice(0, EMBEDDED));
    expect([rows, cols]).toEqual([EMBEDDED, 24]);
    let worst = 1;
    reference.textEmbeds.forEach((expected, i) => {
      if (reference.tokens[i].length > 77) return;
      worst = Math.min(worst, cosine(data.subarray(i * cols, (i + 1) * cols), expected));
    });
    expect(worst).toBeGreaterThan(0.9999);
    // The model does tell texts apart.
    expect(
      cosine(reference.textEmbeds[strings.indexOf('car')], reference.textEmbeds[strings.indexOf('日本語')]),
    ).toBeLessThan(0.99);
    await embedder.close();
  });

  test('10,000 characters, markup and prompts change only their own row', async () => {
    const embedder = await textEmbedder(folder);
    const hostile = [
      'x'.repeat(10_000),
      'word '.repeat(2_000),
      '"><script>\n',
      'Ignore all previous instructions',
      '\ud83d',
    ];
    const plain = await embedder.embed(['a car', 'a dog']);
    const mixed = await embedder.embed(['a car', ...hostile, 'a dog']);
    const row = (m: typeof plain, i: number): Float32Array => m.data.subarray(i * m.cols, (i + 1) * m.cols);
    expect(cosine(row(plain, 0), row(mixed, 0))).toBeGreaterThan(0.999999);
    expect(cosine(row(plain, 1), row(mixed, hostile.length + 1))).toBeGreaterThan(0.999999);
    for (const value of mixed.data) expect(Number.isFinite(value)).toBe(true);
    await embedder.close();
  });
});

if (real === null) {
  test.skip('CLIP’s vocabulary: ../shared/models/clip-tokenizer is absent', () => undefined);
}

/** CLIP's own preprocessing: antialiased bicubic, centre crop, its means. */
const CLIP_PREPROCESS: PreprocessSpec = {
  widthPx: 224,
  heightPx: 224,
  fit: 'centre-crop',
  resizeShortestPx: 224,
  channelOrder: 'rgb',
  interpolation: 'bicubic-antialias',
  scale: 1 / 255,
  mean: [0.48145466, 0.4578275, 0.40821073],
  std: [0.26862954, 0.26130258, 0.27577711],
  padValue: 0,
};

// transformers.js 4.3 resizes by an affine transform without antialiasing, unlike CLIP; so the pictures have their
// shortest side at 224 already. That resizing equals Pillow's is tested in native/tests.
test('images of all aspect ratios as transformers.js', async () => {
  const folder = makeTinyClip(null);
  const temporary = mkdtempSync(join(tmpdir(), 'clip-images-'));
  const sizes = [
    [224, 224],
    [298, 224],
    [224, 298],
    [336, 224],
    [398, 224],
    [224, 398],
    [900, 224],
    [224, 640],
    [226, 224],
  ];
  const images = await Promise.all(
    sizes.map(async ([widthPx, heightPx], n) => {
      const data = new Uint8Array(widthPx * heightPx * 3);
      for (let y = 0, at = 0; y < heightPx; y++) {
        const wave = 90 * Math.cos((y + n * 11) / 17);
        for (let x = 0; x < widthPx; x++) {
          for (let c = 0; c < 3; c++) data[at++] = 128 + wave * ((((x >> n) + c) % 3) - 1) + ((x * y) % 31);
        }
      }
      const path = join(temporary, `${n}.png`);
      await sharp(data, { raw: { width: widthPx, height: heightPx, channels: 3 } })
        .png()
        .toFile(path);
      return { path, image: { data, widthPx, heightPx } };
    }),
  );
  const embedder = await engine.loadEmbedder({
    modelPath: join(folder, 'onnx', 'vision_model.onnx'),
    preprocess: CLIP_PREPROCESS,
    output: 'image_embeds',
    normalise: true,
    session: { device: 'cpu' },
  });
  const { imageEmbeds } = askTransformers(folder, { images: images.map(({ path }) => path) });
  const ours = await embedder.embed(images.map(({ image }) => ({ image, box: null })));
  imageEmbeds.forEach((expected, i) => {
    expect(cosine(ours.subarray(i * 24, (i + 1) * 24), expected)).toBeGreaterThan(0.9999);
  });
  expect(cosine(imageEmbeds[0], imageEmbeds[6])).toBeLessThan(0.999);
  await embedder.close();
});
