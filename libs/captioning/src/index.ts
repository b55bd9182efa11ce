export { CAPTION_PROMPT } from './prompt.js';
export {
  OpenAiCaptioner,
  openAiCaptioner,
  serverModel,
  type OpenAiCaptionerOptions,
} from './openai/captioner.js';
export { OpenAiClient, type OpenAiServer } from './openai/client.js';
export { DEFAULT_RETRY, type RetryPolicy } from './openai/retry.js';
export { RequestHabits } from './openai/request-habits.js';
export { captionText, isRefusal } from './answer/caption-text.js';
export { OpenAiTextGenerator, PHRASE_LIST_FORMAT, type OpenAiTextOptions } from './openai/text-generator.js';
export { TemplateCaptioner } from './template/captioner.js';
export { qwenRepository } from './qwen/model-folder.js';
export { Qwen2Vl, type Qwen2VlOptions } from './qwen/qwen2-vl.js';
