import {
  InputError,
  ModelError,
  type EmbeddingMatrix,
  type ModelInfo,
  type TextEmbedder,
} from '@hazure/contracts';
import type { InferenceSession, Tensor } from '@hazure/native-engine';
import type { ClipTokenizer } from './tokenizer.js';

/** What the text tower needs of a session: the engine's own, or any other that runs ONNX. */
export type TextSession = Pick<InferenceSession, 'inputs' | 'outputs' | 'run' | 'close'>;

/** Texts per run; a larger batch gains little once all cores are busy. */
const BATCH_TEXTS = 64;

const OUTPUT_NAMES = ['text_embeds', 'sentence_embedding', 'pooler_output'];

/** Number of a 16-bit float. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function asFloats({ data }: Tensor): Float32Array {
  if (data instanceof Float32Array) return data;
  if (data instanceof Uint16Array) return Float32Array.from(data, halfToNumber);
  throw new ModelError(
    'MODEL_UNSUPPORTED',
    `Text embeddings must be float32 or float16, got ${data.constructor.name}`,
  );
}

/** Fixed size of an input's axis, or null where it is open. */
function fixed(session: TextSession, axis: number): number | null {
  const size = session.inputs.find(({ name }) => name === 'input_ids')?.dims[axis] ?? -1;
  return size > 0 ? size : null;
}

/**
 * CLIP's text tower as ONNX (`text_model.onnx` of a transformers.js model folder; fp32, fp16 or quantised): texts to
 * unit vectors in the space of the image tower.
 */
export class ClipTextEmbedder implements TextEmbedder {
  private readonly batch: number;
  private readonly tokens: number | undefined;

  private constructor(
    private readonly session: TextSession,
    private readonly tokenizer: ClipTokenizer,
    readonly info: ModelInfo,
    private readonly output: string,
    readonly dimensions: number,
  ) {
    this.batch = fixed(session, 0) ?? BATCH_TEXTS;
    this.tokens = fixed(session, 1) ?? undefined;
  }

  /**
   * Runs the model once to learn how many dimensions it has.
   *
   * @throws ModelError MODEL_UNSUPPORTED when the model has no `input_ids` or no embedding output
   */
  static async create(
    session: TextSession,
    tokenizer: ClipTokenizer,
    info: ModelInfo,
  ): Promise<ClipTextEmbedder> {
    const inputs = session.inputs.map(({ name }) => name);
    const outputs = session.outputs.map(({ name }) => name);
    const strange = inputs.filter((name) => name !== 'input_ids' && name !== 'attention_mask');
    const output = OUTPUT_NAMES.find((name) => outputs.includes(name));
    if (!inputs.includes('input_ids') || strange.length > 0 || output === undefined) {
      throw new ModelError(
        'MODEL_UNSUPPORTED',
        `${info.name}: a text tower with input_ids and ${OUTPUT_NAMES[0]} expected, got inputs ${inputs.join(', ')} and outputs ${outputs.join(', ')}`,
        { hint: 'Use onnx/text_model.onnx of a transformers.js CLIP folder.' },
      );
    }
    const probe = new ClipTextEmbedder(session, tokenizer, info, output, 0);
    const { dims } = await probe.run(['']);
    if (dims.length !== 2) {
      throw new ModelError(
        'MODEL_UNSUPPORTED',
        `${info.name}: ${output} must be [texts, dimensions], got [${dims.join(', ')}]`,
      );
    }
    return new ClipTextEmbedder(session, tokenizer, info, output, dims[1]);
  }

  /** `texts.length × dimensions`, unit rows. Any string is a text, also an empty one. */
  async embed(texts: readonly string[]): Promise<EmbeddingMatrix> {
    const data = new Float32Array(texts.length * this.dimensions);
    for (let first = 0; first < texts.length; first += this.batch) {
      const some = texts.slice(first, first + this.batch);
      const rows = asFloats(await this.run(some)).subarray(0, some.length * this.dimensions);
      data.set(rows, first * this.dimensions);
    }
    for (let row = 0; row < texts.length; row++) this.normalise(data, row);
    return { data, rows: texts.length, cols: this.dimensions };
  }

  close(): Promise<void> {
    return this.session.close();
  }

  private async run(texts: readonly string[]): Promise<Tensor> {
    // A fixed batch is filled with empty texts.
    const rows = fixed(this.session, 0) ?? texts.length;
    const padded = Array.from({ length: rows }, (_, i) => texts[i] ?? '');
    const { ids, mask, cols } = this.tokenizer.encodeBatch(padded, this.tokens);
    const tensor = (data: BigInt64Array): Tensor => ({ type: 'int64', dims: [rows, cols], data });
    const feeds = Object.fromEntries(
      this.session.inputs.map(({ name }) => [name, tensor(name === 'attention_mask' ? mask : ids)]),
    );
    return (await this.session.run(feeds))[this.output];
  }

  private normalise(data: Float32Array, row: number): void {
    const values = data.subarray(row * this.dimensions, (row + 1) * this.dimensions);
    let sum = 0;
    for (const value of values) sum += value * value;
    const norm = Math.sqrt(sum);
    if (!(norm > 0) || !Number.isFinite(norm)) {
      throw new InputError(
        'INPUT_INVALID',
        `${this.info.name}: text ${row} has an embedding of length ${norm}`,
        {
          hint: 'The model file may be damaged: verify it, or use its fp32 variant.',
        },
      );
    }
    for (let i = 0; i < values.length; i++) values[i] /= norm;
  }
}
