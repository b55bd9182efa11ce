export { CAPTION_PROMPT } from './prompt.js';
export {
  OpenAiCaptioner,
  openAiCaptioner,
  serverModel,
  type OpenAiCaptionerOptions,
} from './openai/captioner.js';
export { OpenAiClient, type OpenAiServer } from './openai/client.js';
export { DEFAULT_RETRY, type RetryPolicy } from './openai/retry.js';
export { OpenAiTextGenerator, type OpenAiTextOptions } from './openai/text-generator.js';
export { TemplateCaptioner } from './template/captioner.js';
export { qwenRepository } from './qwen/model-folder.js';
export { Qwen2Vl, type Qwen2VlOptions } from './qwen/qwen2-vl.js';
