import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelError, messageOf } from '@hazure/contracts';
import { Tokenizer } from '@huggingface/tokenizers';

/** Token ids of several texts, padded to the same length. */
export interface TokenBatch {
  /** `rows × cols`, row-major. */
  readonly ids: BigInt64Array;
  /** 1 where a token stands, 0 where padding does. */
  readonly mask: BigInt64Array;
  readonly rows: number;
  readonly cols: number;
}

/**
 * Characters read of a text: far more than fill CLIP's context, and few enough that one endless word costs no time
 * (byte-pair merging is quadratic in a word's length).
 */
const MAX_CHARACTERS = 2000;

/** CLIP's context, where tokenizer_config.json doesn't say. */
const CLIP_POSITIONS = 77;

async function readJson(folder: string, name: string): Promise<Record<string, unknown>> {
  const path = join(folder, name);
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new ModelError(
      missing ? 'MODEL_MISSING' : 'MODEL_INVALID',
      `Tokenizer file ${path} can't be read: ${messageOf(error)}`,
      { hint: 'Pull the model again with its tokenizer.json and tokenizer_config.json.', cause: error },
    );
  }
}

/** The token's text, whether the file writes it plainly or as an object. */
function tokenText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  const content = (value as { content?: unknown } | null | undefined)?.content;
  return typeof content === 'string' ? content : null;
}

/**
 * A model folder's own tokenizer (`tokenizer.json`, read by Hugging Face's tokenizers) with CLIP's context length.
 * Texts that are too long lose their end but keep the end-of-text token, as in the Python library; the text tower
 * reads its result there. (transformers.js 4.3 cuts that token off with the rest.)
 */
export class ClipTokenizer {
  private constructor(
    private readonly tokenizer: Tokenizer,
    readonly maxTokens: number,
    private readonly endId: number,
    private readonly padId: number,
  ) {}

  /** @throws ModelError MODEL_MISSING, MODEL_INVALID */
  static async fromFolder(folder: string): Promise<ClipTokenizer> {
    const [definition, config] = await Promise.all([
      readJson(folder, 'tokenizer.json'),
      readJson(folder, 'tokenizer_config.json'),
    ]);
    let tokenizer: Tokenizer;
    try {
      tokenizer = new Tokenizer(definition, config);
    } catch (error) {
      throw new ModelError('MODEL_INVALID', `${join(folder, 'tokenizer.json')}: ${messageOf(error)}`, {
        hint: 'Pull the model again.',
        cause: error,
      });
    }
    const end = tokenText(config['eos_token']);
    const endId = end === null ? undefined : tokenizer.token_to_id(end);
    if (endId === undefined) {
      throw new ModelError(
        'MODEL_INVALID',
        `${folder}: an end-of-text token expected, got ${end ?? 'none'}`,
        {
          hint: 'tokenizer_config.json must name an eos_token that tokenizer.json knows.',
        },
      );
    }
    const pad = tokenText(config['pad_token']);
    const padId = (pad === null ? undefined : tokenizer.token_to_id(pad)) ?? endId;
    const declared = config['model_max_length'];
    // Some files say 1e30 for “no limit”.
    const known = typeof declared === 'number' && declared >= 2 && declared < 100_000;
    return new ClipTokenizer(tokenizer, known ? declared : CLIP_POSITIONS, endId, padId);
  }

  /** Ids of one text with start and end tokens, at most `maxTokens`. */
  encode(text: string): number[] {
    const read = text.length <= MAX_CHARACTERS ? text : text.replace(/\s+/g, ' ').slice(0, MAX_CHARACTERS);
    const { ids } = this.tokenizer.encode(read);
    if (ids.length <= this.maxTokens) return ids;
    return [...ids.slice(0, this.maxTokens - 1), this.endId];
  }

  /** @param cols pads to this length where the model's is fixed; otherwise to the longest text's */
  encodeBatch(texts: readonly string[], cols?: number): TokenBatch {
    const all = texts.map((text) => this.encode(text));
    const width = cols ?? Math.max(1, ...all.map((ids) => ids.length));
    const ids = new BigInt64Array(all.length * width).fill(BigInt(this.padId));
    const mask = new BigInt64Array(all.length * width);
    all.forEach((tokens, row) => {
      const kept = tokens.length <= width ? tokens : [...tokens.slice(0, width - 1), this.endId];
      kept.forEach((id, column) => {
        ids[row * width + column] = BigInt(id);
        mask[row * width + column] = 1n;
      });
    });
    return { ids, mask, rows: all.length, cols: width };
  }
}
