import { rm, stat } from 'node:fs/promises';
import { InputError, InterruptedError } from '@hazure/contracts';
import { encodeOnnx, readOnnx, type OnnxModel } from '@hazure/models';
import type { Engine, RawRegion, Tensor } from '@hazure/native-engine';
import { adviceFor, saturates } from './advice.js';
import { equaliseLayers } from './balance/equalise.js';
import { smoothActivations } from './balance/smooth.js';
import { biasShifts } from './emit/bias-shift.js';
import { emitQdq, type EmittedModel } from './emit/emit.js';
import { prepareModel } from './graph/prepare.js';
import { Judge, type Agreement, type Regions } from './judge/judge.js';
import { count, take } from './judge/regions.js';
import { decibels, noiseMeter, type NoiseMeter } from './judge/noise.js';
import { compareSpeed, type SpeedComparison } from './judge/speed.js';
import { resultOf, planQuantisation, type Plan, type QuantiseTarget } from './plan/plan.js';
import { floatByRule, isLast } from './plan/rules.js';
import { collectStatistics, Ranges, type RangePolicy, type Statistics } from './ranges/calibrate.js';
import type { Feeds } from './ranges/collect.js';
import { RANGE_METHODS } from './ranges/methods.js';
import type { QuantiseReport } from './report.js';
import { Workshop } from './session.js';
import { withDeclaration, withReport, writeWhole } from './result.js';
import type { QuantiseSource } from './subject.js';

export interface QuantiseRequest {
  readonly engine: Engine;
  /** Made by `detectorSource` or `embedderSource`. */
  readonly source: QuantiseSource;
  /** Images (or parts of images) like those that the model will see; 16 to 64 are enough. */
  readonly calibration: Regions;
  /** Others, to measure the cost on; absent = the calibration images, which flatters. */
  readonly heldOut?: Regions;
  /** Path of the .onnx file to write; it must not exist unless `overwrite`. */
  readonly out: string;
  readonly overwrite?: boolean;
  readonly target?: QuantiseTarget;
  /**
   * Most that may be lost: the share of boxes that the two models don't agree on (default 0.02), or 1 − mean cosine
   * (default 0.003). Layers go back to float, the costliest first, until it holds.
   */
  readonly maxLoss?: number;
  /** Weights of 7 bits, for x86 processors without VNNI; absent = what this machine needs. */
  readonly reducedRange?: boolean;
  /** Whether each layer's own cost is measured; default true. It is measured anyway when the budget does not hold. */
  readonly sensitivity?: boolean;
  /** Processor time of this process in microseconds, e.g. from `process.cpuUsage()`. */
  readonly cpuMicros: () => number;
  readonly onProgress?: (stage: string, done: number, total: number | null) => void;
  readonly signal?: AbortSignal;
}

const DEFAULT_MAX_LOSS = { detector: 0.02, embedder: 0.003 } as const;
/** Images that noise is measured on, many times over. */
const NOISE_IMAGES = 4;
const SENSITIVITY_IMAGES = 2;

/**
 * Makes an int8 model of a float32 one by post-training static quantisation to QDQ and measures what it costs and gives.
 *
 * Ranges are collected on the calibration images through the real preprocessing; for each tensor the method of least
 * measured error is taken, and the whole is compared with one method for all, with and without bias correction, layer
 * equalisation and smoothing: what helps at the outputs is kept. Layers whose rounding costs too much stay float.
 *
 * @returns the report, which the file carries in its metadata, too. `advice: 'stay'` when the model is hardly faster here,
 *   or the budget can't be met: the file is written all the same.
 * @throws ModelError `MODEL_UNSUPPORTED` for a model that can't be quantised (control flow, quantised already, operators
 *   outside the standard set, half precision), `MODEL_INVALID`, `MODEL_MISSING`; InputError `INPUT_EMPTY` without images,
 *   `OUTPUT_UNWRITABLE`; InterruptedError
 */
export async function quantiseModel(request: QuantiseRequest): Promise<QuantiseReport> {
  if (!request.overwrite && (await stat(request.out).catch(() => null))) {
    throw new InputError('OUTPUT_UNWRITABLE', `${request.out} exists already`, {
      hint: 'Give another name, or remove the file.',
    });
  }
  const workshop = await Workshop.open(request.engine);
  try {
    const { model, report } = await new Quantiser(request, workshop).run();
    await writeWhole(request.out, encodeOnnx(withReport(model, request.source, report)));
    return report;
  } finally {
    await workshop.close();
  }
}

interface Candidate extends EmittedModel {
  readonly plan: Plan;
  readonly policy: RangePolicy;
  readonly biasCorrected: boolean;
}

class Quantiser {
  readonly #target: QuantiseTarget;
  readonly #weightBits: 7 | 8;
  readonly #maxLoss: number;
  #model!: OnnxModel;
  #statistics!: Statistics;
  #ranges!: Ranges;
  #balanced = { equalised: 0, smoothed: 0 };

  constructor(
    private readonly request: QuantiseRequest,
    private readonly workshop: Workshop,
  ) {
    const { subject } = request.source;
    this.#target = request.target ?? 'cpu';
    this.#weightBits = this.#target === 'cpu' && (request.reducedRange ?? saturates(request.engine)) ? 7 : 8;
    this.#maxLoss = request.maxLoss ?? DEFAULT_MAX_LOSS[subject.role];
  }

  async run(): Promise<{ model: OnnxModel; report: QuantiseReport }> {
    const { source, engine, calibration } = this.request;
    const { subject } = source;
    const keep = subject.role === 'embedder' ? [subject.config.output] : undefined;
    this.#progress('prepare', 0, null);
    this.#model = await prepareModel(await readOnnx(source.path), source.path, engine, keep);
    const images = await this.#calibrate();
    const judge = new Judge(engine, subject, this.request.heldOut ?? calibration, source.path);

    const first = this.#plan(new Set());
    const kept = floatByRule(first, subject.role === 'detector');
    const meter = await this.#meter(NOISE_IMAGES);
    let best = await this.#bestSettings(new Set(kept.keys()), meter);
    let agreement = await this.#agreement(judge, best);
    const budgetHeld = agreement.loss <= this.#maxLoss;
    const sensitivity =
      (this.request.sensitivity ?? true) || !budgetHeld
        ? await this.#sensitivity(best, new Set(kept.keys()))
        : [];
    if (!budgetHeld)
      [best, agreement] = await this.#withinBudget(best, agreement, { judge, kept, sensitivity });
    const judged =
      'boxes' in agreement ? await count(this.request.heldOut ?? calibration) : agreement.vectors;
    const speed = this.#target === 'cpu' ? await this.#speed(best) : null;
    return {
      model: best.model,
      report: this.#report(best, { agreement, speed, sensitivity, kept, images, judged }),
    };
  }

  #progress(stage: string, done: number, total: number | null): void {
    if (this.request.signal?.aborted) throw new InterruptedError();
    this.request.onProgress?.(stage, done, total);
  }

  /** Statistics of the model as it is, and of it balanced where that helps. */
  async #calibrate(): Promise<number> {
    let images = 0;
    const collect = async (model: OnnxModel): Promise<Statistics> =>
      collectStatistics(model, this.#feeds(this.request.calibration), this.workshop, (done) => {
        images = done;
        this.#progress('calibrate', done, null);
      });
    this.#statistics = await collect(this.#model);
    if (images === 0) {
      throw new InputError('INPUT_EMPTY', 'Expected images to calibrate on, came none', {
        hint: 'Give 16 to 64 images like those that the model will see.',
      });
    }
    this.#useStatistics();
    const equalised = equaliseLayers(this.#model, this.#statistics);
    const smoothed = smoothActivations(equalised.model, this.#statistics);
    if (equalised.pairs + smoothed.layers === 0) return images;
    const before = { model: this.#model, statistics: this.#statistics };
    const meter = await this.#meter(NOISE_IMAGES);
    const float = new Set(
      floatByRule(this.#plan(new Set()), this.request.source.subject.role === 'detector').keys(),
    );
    const plain = await this.#noise(this.#emit(float, 'best', false), meter);
    this.#model = smoothed.model;
    this.#statistics = await collect(this.#model);
    this.#useStatistics();
    if ((await this.#noise(this.#emit(float, 'best', false), meter)) < plain) {
      this.#balanced = { equalised: equalised.pairs, smoothed: smoothed.layers };
    } else {
      this.#model = before.model;
      this.#statistics = before.statistics;
      this.#useStatistics();
    }
    return images;
  }

  #useStatistics(): void {
    this.#ranges = new Ranges(this.#statistics, this.#plan(new Set()).index, this.#target === 'tensorrt');
  }

  #plan(float: ReadonlySet<string>): Plan {
    return planQuantisation(this.#model.graph, { target: this.#target, float });
  }

  #emit(float: ReadonlySet<string>, policy: RangePolicy, biasCorrected: boolean): Candidate {
    const plan = this.#plan(float);
    const emitted = emitQdq(this.#model, plan, {
      target: this.#target,
      weightBits: this.#weightBits,
      quantisationOf: this.#ranges.of(plan, policy),
      ...(biasCorrected ? { biasShifts: biasShifts(plan, this.#statistics, this.#weightBits) } : {}),
    });
    return { ...emitted, plan, policy, biasCorrected };
  }

  #noise(candidate: Candidate, meter: NoiseMeter): Promise<number> {
    return meter.measure(candidate.model, candidate.nameOf);
  }

  /** Noise is measured where the network ends: at the vectors, or at a detector's raw predictions. */
  async #meter(images: number): Promise<NoiseMeter> {
    const { subject } = this.request.source;
    const plan = this.#plan(new Set());
    const last = [...plan.weighted]
      .filter((node) => isLast(node, plan))
      .map((node) => resultOf(node, plan.index));
    const tensors = subject.role === 'embedder' ? [subject.config.output] : last;
    const regions = take(this.request.calibration, images);
    return noiseMeter(this.#model, tensors, this.#feeds(regions), this.workshop);
  }

  /** The way of choosing ranges, and bias correction or not, that leaves the least noise. */
  async #bestSettings(float: ReadonlySet<string>, meter: NoiseMeter): Promise<Candidate> {
    const policies: RangePolicy[] = ['best', ...RANGE_METHODS];
    let best: Candidate | null = null;
    let least = Infinity;
    const consider = async (candidate: Candidate): Promise<void> => {
      const noise = await this.#noise(candidate, meter);
      // Noise tells a tenth apart, not less: on YOLOv8n 2% less of it came with .008 less mAP50.
      if (noise < least * 0.9 || best === null) [least, best] = [noise, candidate];
    };
    for (const [i, policy] of policies.entries()) {
      this.#progress('ranges', i, policies.length);
      await consider(this.#emit(float, policy, false));
    }
    const { policy } = best!;
    await consider(this.#emit(float, policy, true));
    return best!;
  }

  async #agreement(judge: Judge, candidate: Candidate): Promise<Agreement> {
    const { source } = this.request;
    const path = await this.workshop.write(withDeclaration(candidate.model, source));
    try {
      return await judge.agreement(path);
    } finally {
      await rm(path, { force: true });
    }
  }

  /** Noise of each layer quantised alone, worst first. */
  async #sensitivity(
    best: Candidate,
    float: ReadonlySet<string>,
  ): Promise<{ node: string; noise: number }[]> {
    const meter = await this.#meter(SENSITIVITY_IMAGES);
    const all = [...this.#plan(float).weighted].map(({ name }) => name);
    const everything = [...this.#plan(new Set()).weighted].map(({ name }) => name);
    const layers: { node: string; noise: number }[] = [];
    for (const [i, node] of all.entries()) {
      this.#progress('sensitivity', i, all.length);
      const others = new Set(everything.filter((name) => name !== node));
      layers.push({
        node,
        noise: await this.#noise(this.#emit(others, best.policy, best.biasCorrected), meter),
      });
    }
    return layers.sort((a, b) => b.noise - a.noise);
  }

  /** The fewest layers back in float, costliest first, with which the budget holds; by halving. */
  async #withinBudget(
    best: Candidate,
    agreement: Agreement,
    context: {
      readonly judge: Judge;
      readonly kept: Map<string, string>;
      readonly sensitivity: readonly { readonly node: string; readonly noise: number }[];
    },
  ): Promise<[Candidate, Agreement]> {
    const { judge, kept, sensitivity } = context;
    const rule = [...kept.keys()];
    const floats = (count: number): Set<string> =>
      new Set([...rule, ...sensitivity.slice(0, count).map(({ node }) => node)]);
    let [low, high] = [0, sensitivity.length - 1];
    let found: [Candidate, Agreement] = [best, agreement];
    let taken = 0;
    // Half of the layers in float leave nothing to gain.
    high = Math.min(high, Math.floor(sensitivity.length / 2));
    while (high > low) {
      const middle = Math.ceil((low + high) / 2);
      this.#progress('budget', middle, sensitivity.length);
      const candidate = this.#emit(floats(middle), best.policy, best.biasCorrected);
      const reached = await this.#agreement(judge, candidate);
      if (reached.loss < found[1].loss) [found, taken] = [[candidate, reached], middle];
      if (reached.loss <= this.#maxLoss) {
        [found, taken] = [[candidate, reached], middle];
        high = middle - 1;
      } else low = middle;
    }
    for (const { node, noise } of sensitivity.slice(0, taken)) {
      kept.set(node, `budget: alone it leaves ${decibels(noise).toFixed(1)} dB`);
    }
    return found;
  }

  async #speed(best: Candidate): Promise<SpeedComparison> {
    this.#progress('speed', 0, null);
    const { engine, source, calibration, cpuMicros } = this.request;
    const path = await this.workshop.write(best.model);
    for await (const feed of this.#feeds(take(calibration, 1))()) {
      return compareSpeed(engine, [source.path, path], feed, { cpuMicros });
    }
    throw new InputError('INPUT_EMPTY', 'Expected an image to measure speed with, came none');
  }

  #feeds(regions: Regions): Feeds {
    const { engine, source } = this.request;
    const { preprocess } = source.subject.config;
    const input = this.#model.graph.inputs[0]!;
    // A graph that fixes its batch gets the image that many times.
    const batch = typeof input.dims[0] === 'number' && input.dims[0] > 0 ? input.dims[0] : 1;
    return async function* feeds(): AsyncGenerator<Record<string, Tensor>> {
      for await (const region of regions()) {
        const { data } = await engine.preprocess(new Array<RawRegion>(batch).fill(region), preprocess);
        yield {
          [input.name]: { type: 'float32', dims: [batch, 3, preprocess.heightPx, preprocess.widthPx], data },
        };
      }
    };
  }

  #report(
    best: Candidate,
    measured: {
      readonly agreement: Agreement;
      readonly speed: SpeedComparison | null;
      readonly sensitivity: readonly { readonly node: string; readonly noise: number }[];
      readonly kept: ReadonlyMap<string, string>;
      readonly images: number;
      readonly judged: number;
    },
  ): QuantiseReport {
    const { source } = this.request;
    const { agreement, speed, sensitivity, kept } = measured;
    const float = [...best.plan.reasons].map(([node, reason]) => ({
      node: node.name,
      reason: kept.get(node.name) ?? reason,
    }));
    const methods: Record<string, number> = {};
    for (const name of best.plan.tensors.keys()) {
      const method = this.#ranges.choices().get(`${best.policy} ${name}`)?.method;
      if (method) methods[method] = (methods[method] ?? 0) + 1;
    }
    return {
      format: 'hazure-quantised/1',
      source: { name: source.name, sha256: source.sha256 },
      target: this.#target,
      weightBits: this.#weightBits,
      images: {
        calibrated: measured.images,
        judged: measured.judged,
        heldOut: this.request.heldOut !== undefined,
      },
      agreement,
      maxLoss: this.#maxLoss,
      speed,
      ...adviceFor(agreement, speed, this.#maxLoss),
      ranges: { policy: best.policy, methods },
      biasCorrected: best.biasCorrected,
      ...this.#balanced,
      gridsKept: best.gridsKept,
      layers: { integer: best.plan.weighted.size, float: float.length },
      float,
      sensitivity: sensitivity.map(({ node, noise }) => ({
        node,
        decibels: Math.min(200, Number(decibels(noise).toFixed(2))),
      })),
    };
  }
}
