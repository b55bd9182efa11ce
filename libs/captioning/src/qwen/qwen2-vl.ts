import {
  HazureError,
  InterruptedError,
  ModelError,
  messageOf,
  type CaptionOutcome,
  type Captioner,
  type CaptionRequest,
  type ModelInfo,
  type TextGenerator,
} from '@hazure/contracts';
import pLimit from 'p-limit';
import { throwIfAborted } from '../abort.js';
import { captionText, isRefusal } from '../answer/caption-text.js';
import { cropPixels } from '../openai/crop-image.js';
import { CAPTION_PROMPT, promptFor } from '../prompt.js';
import { availablePrecisions, type QwenPrecisions } from './model-folder.js';
import { modelImage } from './model-image.js';
import {
  loadTransformers,
  type QwenModel,
  type QwenProcessor,
  type TransformersLibrary,
} from './transformers.js';

export interface Qwen2VlOptions {
  /** Folder of onnx-community/Qwen2-VL-2B-Instruct or one like it. */
  readonly folder: string;
  /** For reports, e.g. `onnx-community/Qwen2-VL-2B-Instruct`. */
  readonly name: string;
  readonly sha256?: string | null;
  readonly prompt?: string;
  /** Adds the detector's class name to the prompt; off by default. */
  readonly classHint?: boolean;
  /** Longer side of what the model sees; default 448, which is 256 image tokens. */
  readonly maxSidePx?: number;
  /** Default 64 for captions. */
  readonly maxTokens?: number;
  /** transformers.js's name of the device; default `cpu`. */
  readonly device?: string;
}

const DEFAULT_MAX_SIDE_PX = 448;
const DEFAULT_CAPTION_TOKENS = 64;
const TEXT_TOKENS = 512;

/**
 * Qwen2-VL inside this process through transformers.js: captions and free text without a server. Greedy decoding, so
 * the same crop has the same caption on the same device.
 *
 * Limits: one crop at a time (transformers.js does not batch pictures of different sizes), so seconds a crop on a CPU;
 * 2B weights take 2–9 GB of memory depending on precision; no 7B. For many crops use a server, see OpenAiCaptioner.
 */
export class Qwen2Vl implements Captioner, TextGenerator {
  readonly info: ModelInfo;
  /** One generation at a time: a session is no better off with two. */
  private readonly queue = pLimit(1);

  private constructor(
    private readonly options: Qwen2VlOptions,
    private readonly library: TransformersLibrary,
    private readonly processor: QwenProcessor,
    private readonly model: QwenModel,
    precisions: QwenPrecisions,
  ) {
    const loaded = Object.entries(precisions).map(([part, precision]) => `${part} ${precision}`);
    this.info = {
      name: options.name,
      sha256: options.sha256 ?? null,
      licence: 'Apache-2.0',
      device: `${options.device ?? 'cpu'} (transformers.js, ${loaded.join(', ')})`,
    };
  }

  /** @throws ModelError MODEL_MISSING for files that are not there, MODEL_INVALID for ones that don't load */
  static async load(options: Qwen2VlOptions): Promise<Qwen2Vl> {
    const precisions = availablePrecisions(options.folder);
    const library = await loadTransformers();
    try {
      const processor = await library.AutoProcessor.from_pretrained(options.folder, {
        local_files_only: true,
      });
      const model = await library.Qwen2VLForConditionalGeneration.from_pretrained(options.folder, {
        local_files_only: true,
        dtype: precisions,
        device: options.device ?? 'cpu',
      });
      return new Qwen2Vl(options, library, processor, model, precisions);
    } catch (error) {
      throw new ModelError(
        'MODEL_INVALID',
        `Qwen2-VL folder ${options.folder} doesn't load: ${messageOf(error)}`,
        {
          hint: 'Verify or pull the model again, pass --caption-url for a server, or use --captioner template.',
          cause: error,
        },
      );
    }
  }

  /**
   * One outcome per request, in order.
   *
   * @throws InterruptedError when aborted; a generation under way stops at its next token
   */
  async caption(requests: readonly CaptionRequest[], signal?: AbortSignal): Promise<CaptionOutcome[]> {
    const outcomes: CaptionOutcome[] = [];
    for (const request of requests) {
      throwIfAborted(signal);
      try {
        outcomes.push({
          ok: true,
          caption: { text: await this.describe(request, signal), source: this.options.name },
        });
      } catch (error) {
        if (error instanceof InterruptedError) throw error;
        const code = error instanceof HazureError ? error.code : 'CAPTION_FAILED';
        outcomes.push({ ok: false, code, message: `${request.cropId}: ${messageOf(error)}` });
      }
    }
    throwIfAborted(signal);
    return outcomes;
  }

  /** @throws HazureError CAPTION_FAILED; InterruptedError when aborted */
  async generate(prompt: string, signal?: AbortSignal): Promise<string> {
    return this.answer([{ type: 'text', text: prompt }], null, TEXT_TOKENS, signal);
  }

  async close(): Promise<void> {
    await this.queue(() => this.model.dispose());
  }

  private async describe({ region, className }: CaptionRequest, signal?: AbortSignal): Promise<string> {
    const picture = await modelImage(cropPixels(region), this.options.maxSidePx ?? DEFAULT_MAX_SIDE_PX);
    const image = new this.library.RawImage(picture.data, picture.widthPx, picture.heightPx, 3);
    const prompt = promptFor(
      this.options.prompt ?? CAPTION_PROMPT,
      this.options.classHint === true ? className : null,
    );
    const content = [{ type: 'image' }, { type: 'text', text: prompt }];
    const answer = await this.answer(
      content,
      image,
      this.options.maxTokens ?? DEFAULT_CAPTION_TOKENS,
      signal,
    );
    const text = captionText(answer);
    if (text === '' || isRefusal(text)) {
      throw new HazureError(
        'CAPTION_FAILED',
        `${this.options.name} gave no caption: ${JSON.stringify(answer)}`,
      );
    }
    return text;
  }

  private answer(
    content: readonly { type: string; text?: string }[],
    image: unknown,
    maxTokens: number,
    signal: AbortSignal | undefined,
  ): Promise<string> {
    return this.queue(async () => {
      throwIfAborted(signal);
      const chat = this.processor.apply_chat_template([{ role: 'user', content }], {
        add_generation_prompt: true,
      });
      const inputs = await (image === null ? this.processor(chat) : this.processor(chat, image));
      const stop = new this.library.InterruptableStoppingCriteria();
      const interrupt = (): void => stop.interrupt();
      signal?.addEventListener('abort', interrupt, { once: true });
      let ids;
      try {
        ids = await this.model.generate({
          ...inputs,
          max_new_tokens: maxTokens,
          do_sample: false,
          stopping_criteria: stop,
        });
      } finally {
        signal?.removeEventListener('abort', interrupt);
      }
      throwIfAborted(signal);
      const prompted = inputs.input_ids.dims.at(-1) as number;
      const [text] = this.processor.batch_decode(ids.slice(null, [prompted, null]), {
        skip_special_tokens: true,
      });
      if (text.trim() === '')
        throw new HazureError('CAPTION_FAILED', `${this.options.name} answered nothing`);
      return text.trim();
    });
  }
}
