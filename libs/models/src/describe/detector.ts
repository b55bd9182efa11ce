import type { HeadSpec, InputLayout, PreprocessSpec } from '@hazure/native-engine';
import { masksOf, suppresses } from '@hazure/native-engine';
import type { OnnxSummary } from '../onnx/summary.js';
import { summarizeOnnx } from '../onnx/summary.js';
import type { StoreOptions } from '../store/context.js';
import type { ResolvedModel } from '../store/store.js';
import { modelCacheDir, resolveModel } from '../store/store.js';
import { resolveClassNames, knownNames } from './class-names.js';
import type { Conclusion } from './conclusion.js';
import { sentenceOf } from './conclusion.js';
import type { ModelDeclaration } from './declaration.js';
import { readDeclaration } from './declaration.js';
import { resolveHead } from './head.js';
import { readModelType, readPreprocessorConfig } from './hub-configs.js';
import { imageInput } from './image-input.js';
import { withKnownInputs } from './known-inputs.js';
import { readExportMetadata } from './metadata.js';
import { detectorPreprocess } from './preparation.js';
import { resolveSize } from './size.js';
import { taskOf } from './tasks.js';

/** All that the engine needs to run a detector, and where each part was learnt from. */
export interface DetectorDescription {
  readonly model: ResolvedModel;
  readonly head: HeadSpec;
  readonly preprocess: PreprocessSpec;
  readonly layout: InputLayout;
  readonly classNames: readonly string[];
  /** Largest stride of the network; input sides are multiples of it. */
  readonly stridePx: number;
  /** Batch that the graph fixes, or null when it is open. */
  readonly fixedBatch: number | null;
  /** Its outputs have no dimension of images: it must be asked about one at a time, whatever its input takes. */
  readonly oneImageACall: boolean;
  /** Whether its objects come with masks. */
  readonly masks: boolean;
  /** Whether suppression happens after the model, so that `--iou-thres` has an effect. */
  readonly suppresses: boolean;
  readonly licence: string | null;
  /** What was concluded about the file, and why. */
  readonly conclusions: readonly Conclusion[];
  /** The same as sentences, for logs and `models describe`. */
  readonly because: readonly string[];
}

const AGPL = 'AGPL-3.0';

/**
 * Describes a detector given by registry name, hub repository or path. Evidence, strongest first: the declaration
 * `<model>.hazure.json`, the model's metadata and the hub's configuration files beside it, names of its inputs and
 * outputs, their shapes, and what is usual. What was concluded is in `conclusions`.
 *
 * @throws ModelError `MODEL_AMBIGUOUS` where two readings fit, `MODEL_UNSUPPORTED` where none does, both with what to
 *   declare; `MODEL_CONTRADICTED` for a declaration that the file refutes; `MODEL_INVALID` for names that can't be read
 */
export async function describeDetector(
  nameOrPath: string,
  options: StoreOptions = {},
): Promise<DetectorDescription> {
  const model = await resolveModel(nameOrPath, options);
  const path = model.files.graph.path;
  const summary = await summarizeOnnx(path);
  const declared = await readDeclaration(path, summary.metadata);
  const exported = readExportMetadata(summary.metadata, path, declared.detector?.classNames !== undefined);

  const input = imageInput(summary, path, declared.layout);
  const hub = summary.outputs.some(({ name }) => name === 'pred_boxes')
    ? await readPreprocessorConfig(path)
    : null;
  const size = resolveSize({ path, declared: declared.preprocess, input, exported, hub });
  const names = await knownNames(path, declared, exported);
  const facts = {
    summary,
    inputPx: size.px,
    classCount: names?.list.length ?? null,
    firstName: names?.list[0] ?? null,
    description: exported.description,
    endToEnd: exported.endToEnd,
    task: taskOf(exported.task, path),
    modelType: await readModelType(path),
    extraInputs: input.extra.map(({ name }) => name),
  };
  const found = resolveHead(declared.detector?.head, facts, path);
  const named = resolveClassNames(names, found.head, path);
  const head = named.head;
  const prepared = detectorPreprocess({
    path,
    preparation: found.preparation,
    px: size.px,
    bytes: input.bytes,
    hub,
    declared: declared.preprocess,
  });
  const conclusions: Conclusion[] = [
    found.conclusion,
    size.conclusion,
    ...input.conclusions,
    prepared.conclusion,
    named.conclusion,
    ...maskConclusion(head),
  ];
  return {
    model: {
      ...model,
      path: await withKnownInputs(model, input, size.px, modelCacheDir(options)),
      name: declared.name ?? model.name,
    },
    head,
    preprocess: prepared.spec,
    layout: input.layout,
    classNames: named.names,
    stridePx: 'strides' in head ? Math.max(...head.strides) : (exported.stridePx ?? 32),
    fixedBatch: input.batch,
    oneImageACall: isFlat(head, summary),
    masks: masksOf(head) !== null,
    suppresses: suppresses(head),
    licence: licenceOf(declared, model, exported),
    conclusions,
    because: conclusions.map(sentenceOf),
  };
}

/** A table of rows without images, which nothing tells apart. */
function isFlat(head: HeadSpec, summary: OnnxSummary): boolean {
  if (head.kind !== 'table' || head.columns?.image !== undefined) return false;
  const dimsOf = (name: string | undefined): number | undefined =>
    summary.outputs.find((output) => output.name === name)?.dims.length;
  const counted = head.countOutput !== undefined && dimsOf(head.countOutput) !== 0;
  return dimsOf(head.boxesOutput) === 2 && !counted;
}

function maskConclusion(head: HeadSpec): Conclusion[] {
  const masks = masksOf(head);
  return masks
    ? [
        {
          part: 'masks',
          value: `${masks.coefficients} prototypes`,
          from: 'shapes',
          because: `output ${masks.prototypesOutput}`,
        },
      ]
    : [];
}

function licenceOf(
  declared: ModelDeclaration,
  model: ResolvedModel,
  exported: { readonly licence: string | null; readonly description: string | null },
): string | null {
  const byDescription = exported.description?.includes('Ultralytics') ? AGPL : null;
  return declared.licence ?? model.licence ?? exported.licence ?? byDescription;
}
