import type { HubOptions } from './hub-source.js';
import { hubOptionsFrom } from './hub-source.js';
import type { NpmOptions } from './npm-source.js';
import type { OnPullProgress } from './progress.js';
import type { Registry } from '../registry.js';
import { REGISTRY } from '../registry.js';
import { defaultModelCacheDir } from './files.js';
import { proxyAwareFetch } from './proxy.js';

/** Options that every function over the model cache takes. */
export interface StoreOptions {
  /** Default: the user's cache folder, see `defaultModelCacheDir`. */
  readonly cacheDir?: string | undefined;
  /** Never touch a network. Default: whether `HAZURE_OFFLINE` or `HF_HUB_OFFLINE` is 1. */
  readonly offline?: boolean | undefined;
  readonly onProgress?: OnPullProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: what the user's npm configuration says. */
  readonly npm?: NpmOptions;
  readonly registry?: Registry;
  readonly fetch?: typeof fetch;
}

export interface StoreContext {
  readonly cacheDir: string;
  readonly offline: boolean;
  readonly onProgress: OnPullProgress | undefined;
  readonly npm: NpmOptions | undefined;
  readonly hub: HubOptions;
  readonly registry: Registry;
}

export function storeContext(options: StoreOptions = {}): StoreContext {
  const env = options.env ?? process.env;
  return {
    cacheDir: options.cacheDir ?? defaultModelCacheDir(env),
    offline: options.offline ?? (env['HAZURE_OFFLINE'] === '1' || env['HF_HUB_OFFLINE'] === '1'),
    onProgress: options.onProgress,
    npm: options.npm,
    hub: { ...hubOptionsFrom(env), fetch: options.fetch ?? proxyAwareFetch(env), signal: options.signal },
    registry: options.registry ?? REGISTRY,
  };
}
