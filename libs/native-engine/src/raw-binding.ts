import type { EmbeddingMatrix, MomentSums, NearestRequest, TransformRequest } from '@hazure/contracts';
import type {
  DetectionRows,
  DetectOptions,
  DetectorEngineConfig,
  EmbedderEngineConfig,
  EngineInfo,
  MaskedDetections,
  JpegDecoding,
  PixelTraffic,
  Placement,
  PreprocessSpec,
  ProviderState,
  RawImage,
  RawRegion,
  SessionDescription,
  Tensor,
} from './api.js';
import type { HeadSpec } from './heads.js';
import type { JpegState } from './jpeg-library.js';
import type { RawSessionOptions } from './session-options.js';

declare const kind: unique symbol;
/** An opaque, tagged object of the addon; one of another kind is refused. */
export interface Handle<Kind extends string> {
  readonly [kind]: Kind;
}
export type SessionHandle = Handle<'session'>;
export type DetectorHandle = Handle<'detector'>;
export type EmbedderHandle = Handle<'embedder'>;

/** A loaded model: what to call it by, and what it says about itself. */
export interface Loaded<H> {
  readonly handle: H;
  readonly description: SessionDescription;
}

type WithRawSession<Config> = Omit<Config, 'session'> & { readonly session?: RawSessionOptions | undefined };

export interface DecodeOptions extends DetectOptions {
  readonly inputWidthPx: number;
  readonly inputHeightPx: number;
  readonly sources: readonly {
    readonly widthPx: number;
    readonly heightPx: number;
    readonly placement: Placement;
  }[];
}

/**
 * The addon's exports, one to one (`native/napi/addon.cpp`, `docs/reference/native-addon.md`; a test compares the
 * three). Errors carry `code` and `hint`; `fromNative` makes typed ones of them.
 */
export interface RawBinding {
  openRuntime(libraryPath: string, nodeLibraryPath?: string | null): void;
  info(): EngineInfo;
  providers(): ProviderState[];
  memory(): { device: string; totalBytes: number; freeBytes: number }[];
  loadSession(modelPath: string, options?: RawSessionOptions): Promise<Loaded<SessionHandle>>;
  runSession(handle: SessionHandle, feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  loadDetector(config: WithRawSession<DetectorEngineConfig>): Promise<Loaded<DetectorHandle>>;
  detect(
    handle: DetectorHandle,
    images: readonly RawImage[],
    options: DetectOptions,
  ): Promise<DetectionRows[]>;
  detectMasks(
    handle: DetectorHandle,
    images: readonly RawImage[],
    options: DetectOptions,
  ): Promise<MaskedDetections>;
  loadEmbedder(
    config: WithRawSession<EmbedderEngineConfig>,
  ): Promise<Loaded<EmbedderHandle> & { readonly dimensions: number }>;
  embed(handle: EmbedderHandle, regions: readonly RawRegion[]): Promise<Float32Array>;
  close(handle: SessionHandle | DetectorHandle | EmbedderHandle): Promise<void>;
  preprocess(
    regions: readonly RawRegion[],
    spec: PreprocessSpec,
  ): Promise<{ data: Float32Array; placements: Placement[] }>;
  decodeDetections(
    head: HeadSpec,
    outputs: Readonly<Record<string, Tensor>>,
    options: DecodeOptions,
  ): Promise<DetectionRows[]>;
  nearestRows(request: NearestRequest): Promise<Int32Array>;
  transformRows(request: TransformRequest): Promise<Float64Array>;
  momentSums(request: { readonly rows: EmbeddingMatrix; readonly origin: Float64Array }): Promise<MomentSums>;
  openJpeg(libraryPaths: readonly string[]): Pick<JpegState, 'path' | 'refused'>;
  decodeJpeg(source: string | Uint8Array, maxPixels: number): Promise<JpegDecoding>;
  encodeJpeg(region: RawRegion, quality: number): Promise<Uint8Array>;
  releasePixels(data: Uint8Array): boolean;
  pixelTraffic(): PixelTraffic;
}
