/**
 * Makes a Qwen2-VL model folder with random weights: the files, inputs and outputs of
 * onnx-community/Qwen2-VL-2B-Instruct, many thousand times smaller, with a vocabulary of single bytes.
 *
 *   node libs/test-kit/src/tiny-models/make-tiny-qwen2-vl.mjs OUT [--seed 1]
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { byteCharacters } from './byte-level-vocabulary.mjs';
import { FLOAT, Graph } from './onnx-graph.mjs';

const WIDTH = 32;
const HEADS = 2;
const LAYERS = 2;
const PATCH_PX = 14;
const MERGE = 2;
const TEMPORAL = 2;
const PATCH_VALUES = 3 * TEMPORAL * PATCH_PX * PATCH_PX;
const MASKED = -1e9;

/** Added tokens in the order of their ids, as in the real tokenizer (from 151643 on there). */
const SPECIAL = [
  '<|endoftext|>',
  '<|im_start|>',
  '<|im_end|>',
  '<|object_ref_start|>',
  '<|object_ref_end|>',
  '<|box_start|>',
  '<|box_end|>',
  '<|quad_start|>',
  '<|quad_end|>',
  '<|vision_start|>',
  '<|vision_end|>',
  '<|vision_pad|>',
  '<|image_pad|>',
  '<|video_pad|>',
];
const bytes = byteCharacters();
const idOf = (token) => bytes.length + SPECIAL.indexOf(token);
const VOCABULARY = bytes.length + SPECIAL.length;

const CHAT_TEMPLATE =
  "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n" +
  'You are a helpful assistant.<|im_end|>\n{% endif %}' +
  "<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n" +
  "{% else %}{% for content in message['content'] %}{% if content['type'] == 'image' %}" +
  "<|vision_start|><|image_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}" +
  '{% endfor %}<|im_end|>\n{% endif %}{% endfor %}' +
  '{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';

function added(content) {
  return {
    id: idOf(content),
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  };
}

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
const TOKENIZER = {
  version: '1.0',
  truncation: null,
  padding: null,
  added_tokens: SPECIAL.map(added),
  normalizer: { type: 'NFC' },
  pre_tokenizer: {
    type: 'Sequence',
    pretokenizers: [
      {
        type: 'Split',
        pattern: {
          Regex:
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        },
        behavior: 'Isolated',
        invert: false,
      },
      byteLevel,
    ],
  },
  post_processor: byteLevel,
  decoder: byteLevel,
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: '',
    end_of_word_suffix: '',
    fuse_unk: false,
    byte_fallback: false,
    vocab: Object.fromEntries(bytes.map((byte, id) => [byte, id])),
    merges: [],
  },
};

const FILES = {
  'tokenizer.json': TOKENIZER,
  'tokenizer_config.json': {
    add_prefix_space: false,
    added_tokens_decoder: Object.fromEntries(SPECIAL.map((token) => [idOf(token), added(token)])),
    additional_special_tokens: SPECIAL.slice(1),
    bos_token: null,
    chat_template: CHAT_TEMPLATE,
    clean_up_tokenization_spaces: false,
    eos_token: '<|im_end|>',
    errors: 'replace',
    model_max_length: 32768,
    pad_token: '<|endoftext|>',
    padding_side: 'left',
    split_special_tokens: false,
    tokenizer_class: 'Qwen2Tokenizer',
    unk_token: null,
  },
  'config.json': {
    architectures: ['Qwen2VLForConditionalGeneration'],
    model_type: 'qwen2_vl',
    attention_dropout: 0,
    bos_token_id: idOf('<|endoftext|>'),
    eos_token_id: idOf('<|im_end|>'),
    vision_start_token_id: idOf('<|vision_start|>'),
    vision_end_token_id: idOf('<|vision_end|>'),
    vision_token_id: idOf('<|vision_pad|>'),
    image_token_id: idOf('<|image_pad|>'),
    video_token_id: idOf('<|video_pad|>'),
    hidden_act: 'silu',
    hidden_size: WIDTH,
    intermediate_size: 2 * WIDTH,
    max_position_embeddings: 32768,
    num_attention_heads: HEADS,
    num_hidden_layers: LAYERS,
    num_key_value_heads: HEADS,
    rope_scaling: { type: 'mrope', mrope_section: [2, 3, 3] },
    rope_theta: 1000000,
    tie_word_embeddings: true,
    use_cache: true,
    vision_config: {
      depth: 1,
      embed_dim: WIDTH,
      mlp_ratio: 2,
      num_heads: HEADS,
      in_chans: 3,
      hidden_size: WIDTH,
      patch_size: PATCH_PX,
      spatial_merge_size: MERGE,
      spatial_patch_size: PATCH_PX,
      temporal_patch_size: TEMPORAL,
    },
    vocab_size: VOCABULARY,
  },
  'generation_config.json': {
    bos_token_id: idOf('<|endoftext|>'),
    pad_token_id: idOf('<|endoftext|>'),
    do_sample: true,
    eos_token_id: [idOf('<|im_end|>'), idOf('<|endoftext|>')],
    repetition_penalty: 1,
    temperature: 0.01,
    top_p: 0.001,
    top_k: 1,
  },
  'preprocessor_config.json': {
    min_pixels: 3136,
    max_pixels: 12845056,
    patch_size: PATCH_PX,
    temporal_patch_size: TEMPORAL,
    merge_size: MERGE,
    image_mean: [0.48145466, 0.4578275, 0.40821073],
    image_std: [0.26862954, 0.26130258, 0.27577711],
    image_processor_type: 'Qwen2VLImageProcessor',
    processor_class: 'Qwen2VLProcessor',
    do_convert_rgb: true,
    do_normalize: true,
    do_rescale: true,
    do_resize: true,
    resample: 3,
    rescale_factor: 0.00392156862745098,
  },
  'chat_template.json': { chat_template: CHAT_TEMPLATE },
};

/** Token ids to embeddings. */
function embedTokens(seed) {
  const g = new Graph('embed_tokens', seed);
  const ids = g.input('input_ids', 'int64', ['batch_size', 'sequence_length']);
  const embeds = g.op('Gather', [g.weight([VOCABULARY, WIDTH], 0.8), ids], { axis: 0 });
  g.output('inputs_embeds', embeds, ['batch_size', 'sequence_length', WIDTH]);
  return g;
}

/** Flattened patches and their grid to one feature per 2×2 patches. */
function visionEncoder(seed) {
  const g = new Graph('vision_encoder', seed);
  const pixels = g.input('pixel_values', 'float32', ['num_patches', PATCH_VALUES]);
  const grid = g.input('grid_thw', 'int64', ['num_images', 3]);
  const patches = g.op('Unsqueeze', [g.linear(pixels, PATCH_VALUES, WIDTH), g.ints([0])]);
  // The grid's height and width reach the features, as positions do in the real encoder.
  const sides = g.op('ReduceSum', [g.op('Cast', [grid], { to: FLOAT }), g.ints([0])], { keepdims: 1 });
  const where = g.op('Sin', [g.op('MatMul', [sides, g.weight([3, WIDTH], 0.3)])]);
  const { x } = g.block(g.op('Add', [patches, where]), { width: WIDTH, heads: HEADS });
  const grouped = g.op('Reshape', [x, g.ints([-1, MERGE * MERGE * WIDTH])]);
  g.output('image_features', g.linear(grouped, MERGE * MERGE * WIDTH, WIDTH), ['num_features', WIDTH]);
  return g;
}

/** Embeddings, mask, three-axis positions and cache to logits and the longer cache. */
function decoder(seed) {
  const g = new Graph('decoder_model_merged', seed);
  const embeds = g.input('inputs_embeds', 'float32', ['batch_size', 'sequence_length', WIDTH]);
  const mask = g.input('attention_mask', 'int64', ['batch_size', 'total_sequence_length']);
  const positions = g.input('position_ids', 'int64', [3, 'batch_size', 'sequence_length']);
  const cacheDims = (length) => ['batch_size', HEADS, length, WIDTH / HEADS];
  const pasts = Array.from({ length: LAYERS }, (_, layer) => ({
    key: g.input(`past_key_values.${layer}.key`, 'float32', cacheDims('past_sequence_length')),
    value: g.input(`past_key_values.${layer}.value`, 'float32', cacheDims('past_sequence_length')),
  }));

  const place = g.op('Unsqueeze', [
    g.op('ReduceSum', [g.op('Cast', [positions], { to: FLOAT }), g.ints([0])], { keepdims: 0 }),
    g.ints([2]),
  ]);
  let x = g.op('Add', [embeds, g.op('Sin', [g.op('Mul', [place, g.weight([WIDTH], 0.7)])])]);
  const past = g.size(pasts[0].key, 2);
  const end = g.op('Add', [past, g.size(embeds, 1)]);
  const causal = g.causalMask(g.scalar(past), g.scalar(end));
  const hidden = g.op('Mul', [
    g.op('Sub', [g.floats([], [1]), g.op('Cast', [mask], { to: FLOAT })]),
    g.floats([], [MASKED]),
  ]);
  const both = g.op('Add', [causal, g.op('Unsqueeze', [hidden, g.ints([1, 2])])]);
  const presents = pasts.map((cache) => {
    const next = g.block(x, { width: WIDTH, heads: HEADS, mask: both, past: cache });
    x = next.x;
    return next;
  });
  const logits = g.op('MatMul', [g.layerNorm(x, WIDTH), g.weight([WIDTH, VOCABULARY], 1)]);
  g.output('logits', logits, ['batch_size', 'sequence_length', VOCABULARY]);
  presents.forEach(({ key, value }, layer) => {
    g.output(`present.${layer}.key`, key, cacheDims('total_sequence_length'));
    g.output(`present.${layer}.value`, value, cacheDims('total_sequence_length'));
  });
  return g;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string', default: '1' } },
});
const [out] = positionals;
if (out === undefined) throw new Error('Usage: make-tiny-qwen2-vl.mjs OUT [--seed 1]');
const seed = Number(values.seed);
mkdirSync(join(out, 'onnx'), { recursive: true });
for (const [name, content] of Object.entries(FILES)) {
  writeFileSync(join(out, name), `${JSON.stringify(content, null, 2)}\n`);
}
const hashes = Object.fromEntries(
  [embedTokens(seed), visionEncoder(seed + 1), decoder(seed + 2)].map((graph) => [
    `onnx/${graph.name}.onnx`,
    graph.save(join(out, 'onnx', `${graph.name}.onnx`)),
  ]),
);
console.log(JSON.stringify({ out, vocabulary: VOCABULARY, hashes }));
