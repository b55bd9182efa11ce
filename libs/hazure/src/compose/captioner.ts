import { dirname, join } from 'node:path';
import { RequestHabits, TemplateCaptioner, openAiCaptioner, type OpenAiServer } from '@hazure/captioning';
import { ConfigError, type Captioner, type Logger, type PhaseOptions } from '@hazure/contracts';
import { defaultModelCacheDir, type StoreOptions } from '@hazure/models';

/** Who describes crops: what was asked for by name, else a server where one is given, else the pack's own. */
export function captionerKind(options: PhaseOptions): 'template' | 'openai' | 'qwen2-vl' {
  if (options.captioner) return options.captioner;
  if (options.captionUrl) return 'openai';
  return options.models === 'standard' ? 'qwen2-vl' : 'template';
}

/** What servers have refused to be asked, by session, so that it is learnt and said once in each. */
const learnt = new WeakMap<Logger, Map<string, RequestHabits>>();

function habitsOf(server: string, logger: Logger): RequestHabits {
  const servers = learnt.get(logger) ?? new Map<string, RequestHabits>();
  learnt.set(logger, servers);
  const habits = servers.get(server) ?? new RequestHabits((notice) => logger.warn(notice));
  servers.set(server, habits);
  return habits;
}

/** The server that answers captions and concept questions. */
export function captionServer(options: PhaseOptions, url: string, logger: Logger): OpenAiServer {
  const apiKey = process.env['HAZURE_CAPTION_API_KEY'] ?? process.env['OPENAI_API_KEY'];
  return {
    url,
    concurrency: options.captionConcurrency,
    seed: options.seed,
    habits: habitsOf(JSON.stringify([url, options.captionModel]), logger),
    ...(apiKey ? { apiKey } : {}),
  };
}

/** @throws ConfigError for a captioner that lacks what it needs */
export async function composeCaptioner(
  options: PhaseOptions,
  store: StoreOptions,
  logger: Logger,
): Promise<Captioner> {
  const kind = captionerKind(options);
  if (kind === 'template') {
    if (options.captionUrl || options.captionModel) {
      throw new ConfigError('--caption-url and --caption-model have no meaning with the template captioner', {
        hint: 'Give --captioner openai, or leave them out.',
      });
    }
    return new TemplateCaptioner();
  }
  if (options.captionUrl) {
    return openAiCaptioner({
      ...captionServer(options, options.captionUrl, logger),
      ...(options.captionModel ? { model: options.captionModel } : {}),
      cacheFolder: join(dirname(defaultModelCacheDir()), 'captions'),
    });
  }
  if (kind === 'openai') {
    throw new ConfigError('--captioner openai needs --caption-url, e.g. http://127.0.0.1:8000/v1');
  }
  const { composeQwen } = await import('./qwen.js');
  return composeQwen(options, store);
}
