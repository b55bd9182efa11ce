/** The part of transformers.js that Qwen2-VL needs, as narrow types over its loose ones. */

export interface TokenTensor {
  readonly dims: readonly number[];
  slice(...ranges: (null | number | [number, number | null])[]): TokenTensor;
}

export interface QwenProcessor {
  apply_chat_template(
    messages: readonly { role: string; content: readonly { type: string; text?: string }[] }[],
    options: { add_generation_prompt: boolean },
  ): string;
  (text: string, image?: unknown): Promise<Record<string, unknown> & { input_ids: TokenTensor }>;
  batch_decode(ids: TokenTensor, options: { skip_special_tokens: boolean }): string[];
}

export interface QwenModel {
  generate(options: Record<string, unknown>): Promise<TokenTensor>;
  dispose(): Promise<unknown>;
}

export interface StoppingCriterion {
  interrupt(): void;
}

export interface TransformersLibrary {
  readonly AutoProcessor: { from_pretrained(folder: string, options: object): Promise<QwenProcessor> };
  readonly Qwen2VLForConditionalGeneration: {
    from_pretrained(folder: string, options: object): Promise<QwenModel>;
  };
  readonly RawImage: new (data: Uint8Array, width: number, height: number, channels: 3) => unknown;
  readonly InterruptableStoppingCriteria: new () => StoppingCriterion;
}

/**
 * Loads transformers.js (and with it onnxruntime-node) when first asked, so that nothing else pays for it. ONNX
 * Runtime's telemetry is switched off before its library loads.
 */
export async function loadTransformers(): Promise<TransformersLibrary> {
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
  return (await import('@xenova/transformers')) as unknown as TransformersLibrary;
}
