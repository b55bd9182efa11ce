import { ModelError } from '@hazure/contracts';
import type { OnnxModel } from '@hazure/models';
import { withOutputs } from '../graph/graph.js';
import type { GraphIndex } from '../graph/graph.js';
import { clipBounds, isClip } from '../plan/operators.js';
import { planQuantisation, resultOf, type Plan } from '../plan/plan.js';
import type { Workshop } from '../session.js';
import { addTensor, type Feeds, type TensorStatistics } from './collect.js';
import {
  bestRange,
  identity,
  quantisationOf,
  rangeBy,
  silu,
  sigmoid,
  type Range,
  type RangeChoice,
  type RangeMethod,
  type RangeRequest,
  type Reader,
} from './methods.js';
import type { Quantisation } from './quantiser.js';

export type Statistics = ReadonlyMap<string, TensorStatistics>;

/**
 * Runs the calibration images through the float model once and counts every tensor that may be quantised. Memory holds one
 * image's tensors and the histograms.
 *
 * @throws ModelError `MODEL_INVALID` when a tensor holds values that are not finite, `MODEL_UNSUPPORTED` when none can be
 *   quantised
 */
export async function collectStatistics(
  model: OnnxModel,
  feeds: Feeds,
  workshop: Workshop,
  onImage: (done: number) => void = () => undefined,
): Promise<Statistics> {
  const plan = planQuantisation(model.graph, { target: 'cpu', float: new Set() });
  const names = observed(plan);
  const inputs = new Set(model.graph.inputs.map(({ name }) => name));
  const channelAxes = new Map(
    [...plan.weighted].flatMap((node) => {
      const axis = node.opType === 'Conv' ? 1 : -1;
      return [node.inputs[0]!, resultOf(node, plan.index), node.outputs[0]!].map(
        (name) => [name, axis] as const,
      );
    }),
  );
  const statistics = new Map<string, TensorStatistics>();
  const watched = withOutputs(
    model,
    names.filter((name) => !inputs.has(name)),
    true,
  );
  let done = 0;
  await workshop.with(watched, async (session) => {
    for await (const feed of feeds()) {
      const outputs = { ...feed, ...(await session.run(feed)) };
      for (const name of names) addTensor(statistics, name, outputs[name]!, channelAxes.get(name) ?? null);
      onImage(++done);
    }
  });
  for (const [name, { histogram }] of statistics) {
    if (histogram.notFinite === 0) continue;
    throw new ModelError(
      'MODEL_INVALID',
      `${histogram.notFinite} values of ${name} are not finite in the float model`,
      {
        hint: 'Such a model computes nonsense in floats already; check how its images are prepared.',
      },
    );
  }
  return statistics;
}

function observed(plan: Plan): string[] {
  if (plan.weighted.size === 0) {
    throw new ModelError('MODEL_UNSUPPORTED', 'The model has no convolution or matrix product to quantise', {
      hint: 'Quantising gains nothing here; use the model as it is.',
    });
  }
  const names = new Set(plan.tensors.keys());
  for (const node of plan.weighted) {
    names.add(node.inputs[0]!);
    names.add(node.outputs[0]!);
    names.add(resultOf(node, plan.index));
  }
  return [...names];
}

/** How ranges are chosen: one method for all tensors, or for each the one of least error. */
export type RangePolicy = RangeMethod | 'best';

/** Chooses and remembers the range of each group of tensors that share a scale. */
export class Ranges {
  readonly #choices = new Map<string, RangeChoice>();

  constructor(
    private readonly statistics: Statistics,
    private readonly index: GraphIndex,
    private readonly isSymmetric: boolean,
  ) {}

  /** Quantisation of every tensor of a plan. */
  of(plan: Plan, policy: RangePolicy): (tensor: string) => Quantisation {
    const groups = new Map<string, string[]>();
    for (const [name, root] of plan.tensors) groups.set(root, [...(groups.get(root) ?? []), name]);
    const byRoot = new Map(
      [...groups].map(([root, names]) => [
        root,
        quantisationOf(this.#range(names, policy), this.isSymmetric),
      ]),
    );
    return (tensor) => byRoot.get(plan.tensors.get(tensor)!)!;
  }

  /** The choice behind a plan's tensors, for reports. */
  choices(): ReadonlyMap<string, RangeChoice> {
    return this.#choices;
  }

  #range(names: readonly string[], policy: RangePolicy): Range {
    const each = names
      .filter((name) => this.#isSource(name, names))
      .map((name) => this.#choose(name, policy));
    return {
      low: Math.min(...each.map(({ low }) => low)),
      high: Math.max(...each.map(({ high }) => high)),
    };
  }

  /** Whether a tensor of a group is no mere copy of another one's values (behind a Split, a pool, a tied Concat). */
  #isSource(name: string, group: readonly string[]): boolean {
    const producer = this.index.producers.get(name);
    return !producer || isClip(producer) || !producer.inputs.some((input) => group.includes(input));
  }

  #choose(name: string, policy: RangePolicy): RangeChoice {
    const key = `${policy} ${name}`;
    const known = this.#choices.get(key);
    if (known) return known;
    const { histogram } = this.statistics.get(name)!;
    const producer = this.index.producers.get(name);
    const bounds = producer && isClip(producer) ? clipBounds(producer, this.index) : null;
    const request: RangeRequest = {
      histogram,
      symmetric: this.isSymmetric,
      reader: readerOf(name, this.index),
      ...(bounds ? { bounds } : {}),
    };
    const choice = policy === 'best' ? bestRange(request) : rangeBy(policy, request);
    this.#choices.set(key, choice);
    return choice;
  }
}

/** What becomes of a tensor's values: its errors matter as they look behind that. */
function readerOf(name: string, index: GraphIndex): Reader {
  const readers = index.consumers(name);
  const gate = readers.find(({ opType }) => opType === 'Sigmoid');
  if (gate && readers.length === 2) {
    const product = readers.find((node) => node.opType === 'Mul' && node.inputs.includes(gate.outputs[0]!));
    if (product) return silu;
  }
  if (readers.length !== 1) return identity;
  if (readers[0]!.opType === 'Sigmoid') return sigmoid;
  if (readers[0]!.opType === 'LeakyRelu') {
    const attribute = readers[0]!.attributes['alpha'];
    const alpha = attribute?.kind === 'float' ? attribute.value : 0.01;
    return (value) => (value < 0 ? alpha * value : value);
  }
  return identity;
}
