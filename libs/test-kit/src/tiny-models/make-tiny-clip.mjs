/**
 * Makes a CLIP model folder with random weights: the files, inputs, outputs and preprocessing of
 * Xenova/clip-vit-base-patch32, a few thousand times smaller.
 *
 *   node libs/test-kit/src/tiny-models/make-tiny-clip.mjs OUT [--vocabulary FOLDER] [--seed 1] [--precisions fp32,fp16,quantized]
 *
 * FOLDER holds CLIP's vocab.json and merges.txt; without it a vocabulary of single bytes is made. All precisions are
 * of the same weights, in files named as in the real folder (`vision_model_fp16.onnx`).
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { byteCharacters } from './byte-level-vocabulary.mjs';
import { Graph } from './onnx-graph.mjs';
import { PRECISIONS } from './onnx-precision.mjs';

const WIDTH = 32;
const HEADS = 4;
const LAYERS = 2;
const PROJECTION = 24;
const POSITIONS = 77;
const IMAGE_PX = 224;
const PATCH_PX = 32;
const START = '<|startoftext|>';
const END = '<|endoftext|>';

function readVocabulary(folder) {
  if (folder !== undefined) {
    const merges = readFileSync(join(folder, 'merges.txt'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#version'));
    return { vocab: JSON.parse(readFileSync(join(folder, 'vocab.json'), 'utf8')), merges };
  }
  const bytes = byteCharacters();
  const merges = ['a r</w>', 'c ar</w>', 'o f</w>', 'p h', 'ph o', 'pho t', 'phot o</w>'];
  const tokens = [
    ...bytes,
    ...bytes.map((byte) => `${byte}</w>`),
    ...merges.map((merge) => merge.replace(' ', '')),
    START,
    END,
  ];
  return { vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges };
}

const special = (id, content) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: content === START,
  special: true,
});

function tokenizerFiles({ vocab, merges }) {
  const [start, end] = [vocab[START], vocab[END]];
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [special(start, START), special(end, END)],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        {
          type: 'Split',
          pattern: {
            Regex: "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
          },
          behavior: 'Removed',
          invert: true,
        },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      ],
    },
    post_processor: {
      type: 'RobertaProcessing',
      sep: [END, end],
      cls: [START, start],
      trim_offsets: false,
      add_prefix_space: false,
    },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: END,
      continuing_subword_prefix: '',
      end_of_word_suffix: '</w>',
      fuse_unk: false,
      vocab,
      merges,
    },
  };
  const config = {
    add_prefix_space: false,
    bos_token: START,
    clean_up_tokenization_spaces: true,
    do_lower_case: true,
    eos_token: END,
    errors: 'replace',
    model_max_length: POSITIONS,
    pad_token: END,
    tokenizer_class: 'CLIPTokenizer',
    unk_token: END,
  };
  return {
    'tokenizer.json': tokenizer,
    'tokenizer_config.json': config,
    'special_tokens_map.json': { bos_token: START, eos_token: END, pad_token: END, unk_token: END },
    'vocab.json': vocab,
  };
}

const PREPROCESSOR = {
  crop_size: { height: IMAGE_PX, width: IMAGE_PX },
  do_center_crop: true,
  do_convert_rgb: true,
  do_normalize: true,
  do_rescale: true,
  do_resize: true,
  feature_extractor_type: 'CLIPFeatureExtractor',
  image_mean: [0.48145466, 0.4578275, 0.40821073],
  image_processor_type: 'CLIPFeatureExtractor',
  image_std: [0.26862954, 0.26130258, 0.27577711],
  resample: 3,
  rescale_factor: 0.00392156862745098,
  size: { shortest_edge: IMAGE_PX },
};

function modelConfig(vocabulary) {
  const tower = {
    hidden_size: WIDTH,
    intermediate_size: 2 * WIDTH,
    num_attention_heads: HEADS,
    num_hidden_layers: LAYERS,
    projection_dim: PROJECTION,
    hidden_act: 'quick_gelu',
    layer_norm_eps: 1e-5,
  };
  return {
    architectures: ['CLIPModel'],
    initializer_factor: 1,
    logit_scale_init_value: 2.6592,
    model_type: 'clip',
    projection_dim: PROJECTION,
    text_config: {
      ...tower,
      model_type: 'clip_text_model',
      max_position_embeddings: POSITIONS,
      vocab_size: Object.keys(vocabulary.vocab).length,
      bos_token_id: vocabulary.vocab[START],
      eos_token_id: vocabulary.vocab[END],
      pad_token_id: 1,
    },
    vision_config: {
      ...tower,
      model_type: 'clip_vision_model',
      image_size: IMAGE_PX,
      patch_size: PATCH_PX,
      num_channels: 3,
    },
  };
}

function textTower(g, vocabularySize) {
  const ids = g.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
  const words = g.op('Gather', [g.weight([vocabularySize, WIDTH], 0.5), ids], { axis: 0 });
  const length = g.size(ids, 1);
  const positions = g.op('Slice', [g.weight([POSITIONS, WIDTH], 0.5), g.ints([0]), length, g.ints([0])]);
  const mask = g.causalMask(g.ints([0], []), g.scalar(length));
  let x = g.op('Add', [words, positions]);
  for (let layer = 0; layer < LAYERS; layer++) ({ x } = g.block(x, { width: WIDTH, heads: HEADS, mask }));
  x = g.layerNorm(x, WIDTH);
  // The end token has the greatest id; ArgMax takes its first occurrence, padding repeats it.
  const ends = g.op('ArgMax', [ids], { axis: 1, keepdims: 1, select_last_index: 0 });
  const rows = g.op('Unsqueeze', [g.range(g.ints([0], []), g.scalar(g.size(ids, 0))), g.ints([1])]);
  const pooled = g.op('GatherND', [x, g.op('Concat', [rows, ends], { axis: 1 })]);
  return { hidden: x, embeds: g.op('MatMul', [pooled, g.weight([WIDTH, PROJECTION], 0.3)]) };
}

/**
 * Patch filters of low spatial frequency. White noise would react to single pixels and so tell nothing but resampling
 * filters apart: transformers.js shrinks without antialiasing, CLIP itself and hazure with it.
 */
function smoothKernel(g) {
  const data = new Float32Array(WIDTH * 3 * PATCH_PX * PATCH_PX);
  const wave = (frequency, at) => Math.cos((Math.PI * frequency * (at + 0.5)) / PATCH_PX);
  let index = 0;
  for (let filter = 0; filter < WIDTH; filter++) {
    const [u, v] = [g.random.nextInt(3), g.random.nextInt(3)];
    for (let channel = 0; channel < 3; channel++) {
      const weight = (4 * g.random.nextNormal()) / (PATCH_PX * PATCH_PX);
      for (let y = 0; y < PATCH_PX; y++) {
        for (let x = 0; x < PATCH_PX; x++) data[index++] = weight * wave(u, x) * wave(v, y);
      }
    }
  }
  return g.floats([WIDTH, 3, PATCH_PX, PATCH_PX], data, 'kernel');
}

function visionTower(g) {
  const pixels = g.input('pixel_values', 'float32', ['batch_size', 3, IMAGE_PX, IMAGE_PX]);
  const kernel = smoothKernel(g);
  const patches = g.op('Conv', [pixels, kernel], {
    kernel_shape: [PATCH_PX, PATCH_PX],
    strides: [PATCH_PX, PATCH_PX],
  });
  const flat = g.op('Transpose', [g.op('Reshape', [patches, g.ints([0, WIDTH, -1])])], { perm: [0, 2, 1] });
  const shape = g.op('Concat', [g.size(pixels, 0), g.ints([1, WIDTH])], { axis: 0 });
  const classToken = g.op('Expand', [g.weight([1, 1, WIDTH], 0.5), shape]);
  const tokens = g.op('Concat', [classToken, flat], { axis: 1 });
  const count = (IMAGE_PX / PATCH_PX) ** 2 + 1;
  let x = g.layerNorm(g.op('Add', [tokens, g.weight([count, WIDTH], 0.5)]), WIDTH);
  for (let layer = 0; layer < LAYERS; layer++) ({ x } = g.block(x, { width: WIDTH, heads: HEADS }));
  const first = g.op('Squeeze', [g.op('Slice', [x, g.ints([0]), g.ints([1]), g.ints([1])]), g.ints([1])]);
  const embeds = g.op('MatMul', [g.layerNorm(first, WIDTH), g.weight([WIDTH, PROJECTION], 0.3)]);
  return { hidden: x, embeds, count };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    vocabulary: { type: 'string' },
    seed: { type: 'string', default: '1' },
    precisions: { type: 'string', default: 'fp32' },
  },
});
const [out] = positionals;
if (out === undefined) throw new Error('Usage: make-tiny-clip.mjs OUT [--vocabulary FOLDER] [--seed 1]');
const seed = Number(values.seed);
const vocabulary = readVocabulary(values.vocabulary);
mkdirSync(join(out, 'onnx'), { recursive: true });
const files = {
  ...tokenizerFiles(vocabulary),
  'config.json': modelConfig(vocabulary),
  'preprocessor_config.json': PREPROCESSOR,
};
for (const [name, content] of Object.entries(files)) {
  writeFileSync(join(out, name), `${JSON.stringify(content, null, name === 'tokenizer.json' ? 0 : 2)}\n`);
}
writeFileSync(join(out, 'merges.txt'), `#version: 0.2\n${vocabulary.merges.join('\n')}\n`);

const size = Object.keys(vocabulary.vocab).length;
const text = new Graph('clip_text', seed);
const textOut = textTower(text, size);
text.output('text_embeds', textOut.embeds, ['batch_size', PROJECTION]);
text.output('last_hidden_state', textOut.hidden, ['batch_size', 'sequence_length', WIDTH]);
const vision = new Graph('clip_vision', seed + 1);
const visionOut = visionTower(vision);
vision.output('image_embeds', visionOut.embeds, ['batch_size', PROJECTION]);
vision.output('last_hidden_state', visionOut.hidden, ['batch_size', visionOut.count, WIDTH]);
const hashes = Object.fromEntries(
  values.precisions.split(',').flatMap((precision) =>
    [
      [text, 'text_model'],
      [vision, 'vision_model'],
    ].map(([graph, stem]) => {
      const file = `onnx/${stem}${PRECISIONS[precision].suffix}.onnx`;
      return [file, graph.save(join(out, file), precision)];
    }),
  ),
);
console.log(JSON.stringify({ out, vocabulary: size, hashes }));
