import type { Captioner, Logger, PhaseOptions, TextSimilarity } from '@hazure/contracts';
import type { StoreOptions } from '@hazure/models';
import type { Engine, SessionOptions } from '@hazure/native-engine';
import { composeCaptioner } from './captioner.js';
import { composeSimilarity } from './similarity.js';

/** What judging by words needs, loaded. */
export interface ComposedWords {
  readonly captioner: Captioner;
  readonly similarity: TextSimilarity;
  close(): Promise<void>;
}

/** Loads the captioner and the similarity of captions with labels. @throws ModelError, DeviceError, ConfigError */
export async function composeWords(request: {
  readonly options: PhaseOptions;
  readonly embedderSource: string;
  readonly engine: Engine;
  readonly session: SessionOptions;
  readonly store: StoreOptions;
  readonly logger: Logger;
}): Promise<ComposedWords> {
  // the similarity first: a wrong name should fail before gigabytes of a captioner are loaded
  const { similarity, close } = await composeSimilarity(request);
  const captioner = await composeCaptioner(request.options, request.store, request.logger);
  return {
    captioner,
    similarity,
    close: async () => {
      await Promise.all([captioner.close(), close()]);
    },
  };
}
