import type { PreprocessSpec } from '@hazure/native-engine';
import type { Conclusion } from './conclusion.js';
import { contradicted, defined, unclear } from './conclusion.js';
import type { ModelDeclaration } from './declaration.js';
import type { Preparation } from './heads/facts.js';

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

/** What each family was trained with; OpenCV's plain bilinear where its own loader uses that. */
const BY_FAMILY: Readonly<Record<Exclude<Preparation, 'unknown'>, Partial<PreprocessSpec>>> = {
  ultralytics: { fit: 'letterbox-centre', channelOrder: 'rgb', scale: 1 / 255 },
  'stretched-opencv': { fit: 'stretch', channelOrder: 'rgb', scale: 1 / 255 },
  stretched: { fit: 'stretch', channelOrder: 'rgb', scale: 1 / 255, interpolation: 'bilinear-antialias' },
  yolox: { fit: 'letterbox-top-left', channelOrder: 'bgr', scale: 1 },
  nanodet: {
    fit: 'stretch',
    channelOrder: 'bgr',
    scale: 1,
    mean: [103.53, 116.28, 123.675],
    std: [57.375, 57.12, 58.395],
  },
  hub: { fit: 'stretch', channelOrder: 'rgb', scale: 1 / 255, interpolation: 'bilinear-antialias' },
  imagenet: {
    fit: 'stretch',
    channelOrder: 'rgb',
    scale: 1 / 255,
    interpolation: 'bilinear-antialias',
    ...IMAGENET,
  },
  paddle: { fit: 'stretch', channelOrder: 'rgb', scale: 1 / 255 },
  plain: { fit: 'stretch', channelOrder: 'rgb', scale: 1 / 255 },
};

const COMPLETE: readonly (keyof PreprocessSpec)[] = [
  'fit',
  'channelOrder',
  'interpolation',
  'scale',
  'mean',
  'std',
  'padValue',
];

interface PreparationSources {
  readonly path: string;
  readonly preparation: Preparation;
  readonly px: readonly [number, number];
  /** The model takes bytes. */
  readonly bytes: boolean;
  /** Of `preprocessor_config.json`. */
  readonly hub: PreprocessSpec | null;
  readonly declared: ModelDeclaration['preprocess'];
}

/**
 * How images are prepared for a detector: declared part by part, over the hub's configuration, over what its family
 * was trained with.
 *
 * @throws ModelError `MODEL_UNSUPPORTED` for a family without a usual preparation, `MODEL_CONTRADICTED` for scaled bytes
 */
export function detectorPreprocess(sources: PreparationSources): {
  spec: PreprocessSpec;
  conclusion: Conclusion;
} {
  const { path, preparation, px, bytes, hub } = sources;
  const declared = defined(sources.declared);
  const [heightPx, widthPx] = px;
  const complete = COMPLETE.every((key) => key in declared);
  if (preparation === 'unknown' && !hub && !complete) {
    throw unclear(path, 'nothing says how its images are prepared', 'preprocess', {
      preprocess: {
        fit: 'letterbox-centre',
        channelOrder: 'rgb',
        interpolation: 'bilinear',
        scale: 1 / 255,
        mean: [0, 0, 0],
        std: [1, 1, 1],
        padValue: 114,
      },
    });
  }
  const usual = preparation === 'unknown' ? {} : BY_FAMILY[preparation];
  const base = { mean: [0, 0, 0], std: [1, 1, 1], padValue: 114, interpolation: 'bilinear' } as const;
  const asBytes = bytes ? { scale: 1, mean: [0, 0, 0], std: [1, 1, 1] } : {};
  const spec = { ...base, ...usual, ...hub, ...asBytes, ...declared, widthPx, heightPx } as PreprocessSpec;
  if (bytes) refuseScaledBytes(spec, path);
  const conclusion: Conclusion = {
    part: 'preprocessing',
    value: `${spec.fit}, ${spec.channelOrder}, × ${spec.scale.toPrecision(4)}${bytes ? ', as bytes' : ''}`,
    ...evidence(preparation, hub !== null, Object.keys(declared)),
  };
  return { spec, conclusion };
}

function evidence(
  preparation: Preparation,
  hub: boolean,
  declared: readonly string[],
): Pick<Conclusion, 'from' | 'because'> {
  const parts = declared.filter((key) => key !== 'widthPx' && key !== 'heightPx');
  const rest = hub ? 'preprocessor_config.json' : `usual for ${preparation}`;
  if (parts.length > 0)
    return { from: 'declaration', because: `${parts.join(', ')} declared; the rest ${rest}` };
  return hub ? { from: 'metadata', because: rest } : { from: 'default', because: rest };
}

/** Bytes of 0…1 would all be 0 or 1. */
export function refuseScaledBytes(spec: PreprocessSpec, path: string): void {
  const black = spec.mean.map((mean, c) => -mean / spec.std[c]!);
  const white = spec.mean.map((mean, c) => (255 * spec.scale - mean) / spec.std[c]!);
  if (black.every((value) => value > -1 && value < 64) && white.every((value) => value > 128 && value < 256))
    return;
  throw contradicted(
    path,
    `a preparation that makes ${black[0]!.toFixed(2)} to ${white[0]!.toFixed(2)} of a channel`,
    'an input of whole numbers from 0 to 255 (uint8)',
  );
}
