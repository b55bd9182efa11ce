import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { imageList, type Clock, type ImageRef, type Logger, type StageTime } from '@hazure/contracts';
import type { Engine, InferenceSession, SessionOptions } from '@hazure/native-engine';
import { StageTimes, streamObjects } from '@hazure/pipeline';
import { DirectoryRunStore } from '@hazure/run-store';
import { silentProgress, type ComposedStages } from '@hazure/hazure';
import { quantile } from './sweep.js';

export interface EndToEnd {
  /** From files to committed records and embeddings. */
  readonly imagesPerSecond: number;
  /** The same batches through the networks alone. */
  readonly inferenceOnlyImagesPerSecond: number;
  /** Median over the rounds of the ratio of both within a round, against the faster way of inferring alone. */
  readonly efficiency: number;
  readonly images: number;
  readonly objects: number;
  readonly rounds: number;
  /** Of the median round: how long each stage was busy. Stages overlap. */
  readonly stages: readonly StageTime[];
}

/** A network without anything around it. */
export interface BareModel {
  readonly path: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly batchSize: number;
}

export interface EndToEndRequest {
  readonly composed: ComposedStages;
  readonly engine: Engine;
  readonly session: SessionOptions;
  readonly detector: BareModel | null;
  readonly embedder: BareModel;
  readonly refs: readonly ImageRef[];
  readonly rounds: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

export interface Pass {
  readonly seconds: number;
  readonly objects: number;
  readonly stages: readonly StageTime[];
}

/**
 * Runs the whole pipeline (crops not saved) and the networks alone in turn. Alone means: tensors that are ready, no
 * decoding, preprocessing or reading of results; both with one inference a core and with one on all cores, of which
 * the faster counts.
 */
export async function measureEndToEnd(request: EndToEndRequest): Promise<EndToEnd> {
  const { refs, rounds, clock, signal, logger } = request;
  const scratch = await mkdtemp(join(tmpdir(), 'hazure-bench-'));
  const bare = await BareNetworks.load(request);
  try {
    const passes: Pass[] = [];
    const alone: number[][] = bare.ways.map(() => []);
    await pipelinePass(request, scratch, refs.slice(0, 8)); // fills caches and arenas
    for (let round = 0; round < rounds; round++) {
      signal.throwIfAborted();
      const pass = await pipelinePass(request, scratch, refs);
      signal.throwIfAborted();
      passes.push(pass);
      for (const [i, way] of bare.ways.entries())
        alone[i].push(await way.seconds(refs.length, pass.objects, clock));
      const fastest = Math.min(...alone.map((seconds) => seconds[round]));
      logger.info(
        `round ${round + 1} of ${rounds}: whole ${rate(refs, pass.seconds)}, inference alone ${rate(refs, fastest)}`,
      );
    }
    const median = passes.toSorted((a, b) => a.seconds - b.seconds)[passes.length >> 1];
    return {
      imagesPerSecond: refs.length / median.seconds,
      inferenceOnlyImagesPerSecond: refs.length / Math.min(...alone.map((seconds) => quantile(seconds, 0.5))),
      efficiency: Math.min(
        ...alone.map((seconds) =>
          quantile(
            passes.map((pass, round) => seconds[round] / pass.seconds),
            0.5,
          ),
        ),
      ),
      images: refs.length,
      objects: median.objects,
      rounds,
      stages: median.stages,
    };
  } finally {
    await bare.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

const rate = (refs: readonly ImageRef[], seconds: number): string =>
  `${(refs.length / seconds).toFixed(1)} images/s`;

/** One pass of the pipeline over images, crops not saved. @param scratch folder that its shards go to, for a while */
export async function pipelinePass(
  { composed, clock, signal }: Pick<EndToEndRequest, 'composed' | 'clock' | 'signal'>,
  scratch: string,
  refs: readonly ImageRef[],
): Promise<Pass> {
  const store = new DirectoryRunStore(scratch, clock);
  const { folder } = await store.open({ kind: 'baseline', resumeKey: 'bench', resume: false });
  const times = new StageTimes(clock);
  const startedMs = clock.monotonicMs();
  try {
    await streamObjects({
      refs: imageList(refs),
      folder,
      stages: composed.stages,
      options: { ...composed.streamOptions, saveCrops: false },
      times,
      progress: silentProgress,
      signal,
    });
    const seconds = (clock.monotonicMs() - startedMs) / 1000;
    let objects = 0;
    for await (const shard of folder.shards.read()) objects += shard.embeddings.rows;
    return { seconds, objects, stages: times.list() };
  } finally {
    await folder.discard();
  }
}

/** The networks, loaded in each of the ways in which inference alone may be fastest. */
class BareNetworks {
  private constructor(readonly ways: readonly BareWay[]) {}

  static async load({ engine, session, detector, embedder }: EndToEndRequest): Promise<BareNetworks> {
    const cores = session.threads || engine.info().usableCores;
    const ways: BareWay[] = [];
    for (const streams of new Set([Math.min(cores, 16), 1])) {
      const open = (model: BareModel): Promise<BareNetwork> =>
        BareNetwork.load(engine, { ...session, streams }, model);
      ways.push(new BareWay(detector && (await open(detector)), await open(embedder)));
    }
    return new BareNetworks(ways);
  }

  async close(): Promise<void> {
    for (const way of this.ways) await way.close();
  }
}

class BareWay {
  constructor(
    private readonly detector: BareNetwork | null,
    private readonly embedder: BareNetwork,
  ) {}

  async seconds(images: number, objects: number, clock: Clock): Promise<number> {
    const startedMs = clock.monotonicMs();
    await this.detector?.run(images);
    await this.embedder.run(objects);
    return (clock.monotonicMs() - startedMs) / 1000;
  }

  async close(): Promise<void> {
    await this.detector?.close();
    await this.embedder.close();
  }
}

class BareNetwork {
  private constructor(
    private readonly model: BareModel,
    private readonly session: InferenceSession,
  ) {}

  static async load(engine: Engine, options: SessionOptions, model: BareModel): Promise<BareNetwork> {
    const session = await engine.loadSession(model.path, options);
    const network = new BareNetwork(model, session);
    await network.run(model.batchSize * (session.streams + 1)); // fills the arena
    return network;
  }

  /** Puts that many items through. */
  async run(items: number): Promise<void> {
    const { widthPx, heightPx } = this.model;
    const [{ name, dims, type }] = this.session.inputs;
    const fixed = dims[0] > 0 ? dims[0] : null;
    const batch = fixed ?? this.model.batchSize;
    const floats = 3 * heightPx * widthPx;
    const data = type === 'float16' ? new Uint16Array(batch * floats) : new Float32Array(batch * floats);
    let left = items;
    const lane = async (): Promise<void> => {
      while (left > 0) {
        const rows = fixed ?? Math.min(batch, left);
        left -= rows;
        await this.session.run({
          [name]: {
            type: type === 'float16' ? 'float16' : 'float32',
            dims: [rows, 3, heightPx, widthPx],
            data: data.subarray(0, rows * floats),
          },
        });
      }
    };
    await Promise.all(Array.from({ length: this.session.streams + 1 }, lane));
  }

  close(): Promise<void> {
    return this.session.close();
  }
}
