import type { DetectorDescription, EmbedderDescription, ModelDeclaration } from '@hazure/models';
import type { QuantiseSubject } from './judge/judge.js';

/** A model to quantise, with all that is known of how it is used. */
export interface QuantiseSource {
  readonly path: string;
  readonly name: string;
  readonly sha256: string;
  readonly subject: QuantiseSubject;
  /** Written into the quantised model, so that it needs no file beside it. */
  readonly declaration: ModelDeclaration;
}

/** The model's own name with its precision. */
export function quantisedName(name: string): string {
  return `${name.replace(/\.onnx$/i, '')}-int8`;
}

/** What `describeDetector` says, as a source to quantise. */
export function detectorSource(description: DetectorDescription): QuantiseSource {
  const { model, head, preprocess, classNames, licence } = description;
  return {
    path: model.path,
    name: model.name,
    sha256: model.sha256,
    subject: { role: 'detector', config: { preprocess, head } },
    declaration: {
      name: quantisedName(model.name),
      ...(licence === null ? {} : { licence }),
      preprocess: { ...preprocess },
      detector: { head, classNames },
    },
  };
}

/** What `describeEmbedder` says, as a source to quantise. Only the output that holds the vectors is kept. */
export function embedderSource(description: EmbedderDescription): QuantiseSource {
  const { model, preprocess, output, normalise, licence } = description;
  return {
    path: model.path,
    name: model.name,
    sha256: model.sha256,
    subject: { role: 'embedder', config: { preprocess, output, normalise } },
    declaration: {
      name: quantisedName(model.name),
      ...(licence === null ? {} : { licence }),
      preprocess: { ...preprocess },
      embedder: { output, normalise },
    },
  };
}
