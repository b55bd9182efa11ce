import { dirname } from 'node:path';
import { Qwen2Vl, qwenRepository } from '@hazure/captioning';
import type { PhaseOptions } from '@hazure/contracts';
import { resolveModel, type StoreOptions } from '@hazure/models';

let loaded: Promise<Qwen2Vl> | null = null;

/** Qwen2-VL inside this process, loaded once for captions and concept questions. @throws ModelError, ConfigError */
export function composeQwen(options: PhaseOptions, store: StoreOptions): Promise<Qwen2Vl> {
  loaded ??= load(options, store);
  return loaded;
}

async function load(options: PhaseOptions, store: StoreOptions): Promise<Qwen2Vl> {
  const name = qwenRepository(options.qwenModelSize);
  const model = await resolveModel(name, store);
  // the decoder lies in <folder>/onnx/
  return Qwen2Vl.load({ folder: dirname(dirname(model.path)), name, sha256: model.sha256 });
}
