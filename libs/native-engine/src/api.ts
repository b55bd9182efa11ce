import type { PixelBox } from '@hazure/contracts';
import type { HeadSpec } from './heads.js';
import type { JpegState } from './jpeg-library.js';

/**
 * Pixels as the engine reads them: 8-bit, interleaved HWC, 3 channels RGB. A call takes them as they are when it is
 * made: it copies what JavaScript could take away, and holds what it can't (memory over a SharedArrayBuffer, results of
 * earlier calls), which should not be written to while the call runs.
 */
export interface RawImage {
  readonly data: Uint8Array;
  readonly widthPx: number;
  readonly heightPx: number;
}

/** A part of an image; `null` is all of it. Boxes are rounded outwards to whole pixels and clipped to the image. */
export interface RawRegion {
  readonly image: RawImage;
  readonly box: PixelBox | null;
}

export type FitMode = 'letterbox-centre' | 'letterbox-top-left' | 'stretch' | 'centre-crop';

/** `bilinear` samples 2×2 without antialiasing (OpenCV's INTER_LINEAR); the others scale their support as Pillow does. */
export type Interpolation = 'bilinear' | 'bilinear-antialias' | 'bicubic-antialias';

/** From 8-bit HWC pixels to a float NCHW tensor: `(pixel × scale − mean[c]) ÷ std[c]`, c in the model's channel order. */
export interface PreprocessSpec {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly fit: FitMode;
  /** `centre-crop` only: the shortest side is resized to this many pixels first. */
  readonly resizeShortestPx?: number;
  readonly channelOrder: 'rgb' | 'bgr';
  readonly interpolation: Interpolation;
  readonly scale: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  /** 0…255, fills what a letterbox leaves free (before scale, mean and std). */
  readonly padValue: number;
}

export type DeviceChoice = 'auto' | 'cpu' | 'cuda' | 'tensorrt';
export type PrecisionChoice = 'auto' | 'fp32' | 'fp16';

/** Options of ONNX Runtime's CUDA provider, also under TensorRT for what that leaves over. */
export interface CudaOptions {
  /** Upper bound of the memory arena; absent = as much as the device has. Running into it is an OutOfDeviceMemoryError. */
  readonly memoryLimitBytes?: number;
  /** How the arena grows; default `power-of-two` (fewer allocations), the other wastes less. */
  readonly arenaGrowth?: 'power-of-two' | 'same-as-requested';
  /** How cuDNN's convolution algorithms are chosen; default `exhaustive`: slow first run per shape, fastest later. */
  readonly convolutionSearch?: 'exhaustive' | 'heuristic' | 'default';
  /** Default true: the search may use any amount of scratch memory; false keeps it to 32 MB, slower and smaller. */
  readonly convolutionMaxWorkspace?: boolean;
  /** Default true: float32 products in TensorFloat-32 where the GPU has it (8.0 and newer); false = full float32. */
  readonly tf32?: boolean;
  /** Default false. Convolutions in NHWC layout, which may be faster on tensor cores, above all in fp16. */
  readonly preferNhwc?: boolean;
  /**
   * Default true: pixels are preprocessed into the bound input tensor on the device and boxes and embeddings decoded
   * there, so that only they come back. False goes through the host, as on the CPU.
   */
  readonly deviceTensors?: boolean;
  /**
   * Default false. Batches of a shape that comes back are captured as CUDA graphs and replayed: one launch for the whole
   * network. In detectors and embedders on `cuda`, where every operator runs on the GPU; has no effect on the CPU or
   * under TensorRT. Needs `deviceTensors`.
   */
  readonly graphs?: boolean;
}

/** Options of ONNX Runtime's TensorRT provider. */
export interface TensorRtOptions {
  /**
   * Keeps built engines and timings, keyed by the model's sha256, GPU, precision and library versions; absent = the
   * user's cache folder, `null` = build anew in every process.
   */
  readonly cacheDir?: string | null;
  /** Upper bound of the scratch memory. */
  readonly workspaceBytes?: number;
  /** How long the builder searches, 0…5; TensorRT's default is 3. */
  readonly optimisationLevel?: number;
  /** Default false. The engines that one model was cut into share their scratch memory. */
  readonly contextMemorySharing?: boolean;
  /** Streams beside the main one; absent = TensorRT's choice, 0 = least memory. */
  readonly auxiliaryStreams?: number;
  /** Pieces of the graph with fewer nodes stay with CUDA; default 1. */
  readonly minSubgraphSize?: number;
  /** Default true: layer normalisation in float32 in an fp16 engine, which transformers need for their accuracy. */
  readonly layerNormFp32?: boolean;
  /** Batch sizes that one engine is built for, min ≤ optimal ≤ max; absent = one engine per shape met. */
  readonly batch?: { readonly min: number; readonly optimal: number; readonly max: number };
}

export interface SessionOptions {
  /** `auto` tries TensorRT, CUDA, CPU; one asked for by name and not there is a DeviceError that says what is missing. */
  readonly device?: DeviceChoice;
  readonly deviceId?: number;
  readonly precision?: PrecisionChoice;
  /** Cores that the CPU provider may use; 0 or absent = all usable ones (cgroup limits respected). */
  readonly threads?: number;
  /**
   * Inferences that run side by side on the CPU, each on `threads / streams` cores. 0 or absent = one a core up to 16
   * in detectors and embedders, 1 in plain sessions.
   */
  readonly streams?: number;
  /** Idle threads of the CPU provider wait by spinning instead of sleeping. */
  readonly spin?: boolean;
  readonly cuda?: CudaOptions;
  readonly tensorrt?: TensorRtOptions;
  /**
   * Identity of the model with every weight file outside its graph, for TensorRT's engine cache: the graph alone does
   * not tell two models apart. Absent: the digest of the file at the path.
   */
  readonly modelSha256?: string;
}

export interface DetectOptions {
  readonly confidence: number;
  readonly iou: number;
  readonly maxDetections: number;
  /** Only these class ids; absent = all. */
  readonly classIds?: readonly number[];
}

/** Rows of 6: x1 y1 x2 y2 (pixels of the source image, clipped), confidence, class id. Most confident first. */
export type DetectionRows = Float32Array;

/** Detections with their pixels, by image. */
export interface MaskedDetections {
  readonly rows: DetectionRows[];
  /**
   * One list per image, one entry per row: COCO's run lengths over the whole source image, column by column, beginning
   * with pixels outside; only pixels that the box touches are inside.
   */
  readonly masks: Uint32Array[][];
}

export type TensorData = Float32Array | BigInt64Array | Int32Array | Uint8Array | Uint16Array;
export type TensorType = 'float32' | 'float16' | 'int64' | 'int32' | 'uint8' | 'bool';
export interface Tensor {
  readonly type: TensorType;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

export interface TensorInfo {
  readonly name: string;
  readonly type: TensorType | 'other';
  /** −1 where the model leaves a dimension open. */
  readonly dims: readonly number[];
}

/** What a loaded model says about itself, and where it runs. */
export interface SessionDescription {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Custom metadata of the ONNX file (ultralytics writes `names`, `imgsz`, `stride`, `task` there). */
  readonly metadata: Readonly<Record<string, string>>;
  readonly device: 'cpu' | 'cuda' | 'tensorrt';
  /** Why it runs there, e.g. `auto: CUDA left out (no driver found)`. */
  readonly deviceReason: string;
  readonly precision: 'fp32' | 'fp16';
  /** Inferences that run at the same time; one more call than that in flight keeps them busy. */
  readonly streams: number;
}

/** Calls on one object begin in order, `streams` of them at a time; several objects run side by side. */
export interface InferenceSession extends SessionDescription {
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  close(): Promise<void>;
}

export interface DetectorEngine extends SessionDescription {
  /** Preprocess, infer, decode, NMS for one batch inside the engine. A model with a fixed batch is fed in pieces of it. */
  detect(images: readonly RawImage[], options: DetectOptions): Promise<DetectionRows[]>;
  /** As `detect`, with masks. @throws InputError where the head has no prototypes */
  detectMasks(images: readonly RawImage[], options: DetectOptions): Promise<MaskedDetections>;
  close(): Promise<void>;
}

export interface EmbedderEngine extends SessionDescription {
  readonly dimensions: number;
  /** `regions.length × dimensions`, row-major; unit rows when `normalise` was asked for. */
  embed(regions: readonly RawRegion[]): Promise<Float32Array>;
  close(): Promise<void>;
}

export type InputLayout = 'nchw' | 'nhwc';

export interface DetectorEngineConfig {
  readonly modelPath: string;
  readonly preprocess: PreprocessSpec;
  readonly head: HeadSpec;
  /** Order of the input's dimensions; absent = as the model says: 3 channels second or last. */
  readonly layout?: InputLayout;
  readonly session?: SessionOptions;
}

export interface EmbedderEngineConfig {
  readonly modelPath: string;
  readonly preprocess: PreprocessSpec;
  /** Output to read, `[N, D]` (or `[N, D, 1, 1]`). */
  readonly output: string;
  readonly normalise: boolean;
  /** As in `DetectorEngineConfig`. */
  readonly layout?: InputLayout;
  readonly session?: SessionOptions;
}

/** How a source was placed in the model's input: `model = source × scale + offset` per axis. */
export interface Placement {
  readonly scaleX: number;
  readonly scaleY: number;
  readonly offsetX: number;
  readonly offsetY: number;
}

export interface EngineInfo {
  readonly addonVersion: string;
  readonly onnxRuntimeVersion: string;
  readonly onnxRuntimePath: string;
  /** Version of the C API that the addon was compiled against; the library must know it. */
  readonly onnxRuntimeApi: number;
  /** Execution providers that the library knows; those for GPUs need libraries of their own, see `providers()`. */
  readonly onnxRuntimeProviders: readonly string[];
  /** Instruction set that the pixel kernels run at: `generic`, `avx2`, `avx512` or `avx512vnni`. */
  readonly kernelIsa: string;
  readonly cpuFeatures: readonly string[];
  readonly usableCores: number;
  readonly cuda: {
    readonly compiled: boolean;
    /** Compute capabilities that the kernels were compiled for, e.g. `8.9`. */
    readonly architectures: readonly string[];
    /** The CUDA version that the addon was built with, which the driver must support; null without CUDA. */
    readonly runtimeVersion: string | null;
    /** The newest CUDA version that the driver supports; null without a driver. */
    readonly driverVersion: string | null;
    /** Why no device can be used, or null. */
    readonly unavailable: string | null;
    readonly devices: readonly {
      readonly id: number;
      readonly name: string;
      readonly computeCapability: string;
      readonly totalBytes: number;
      readonly freeBytes: number;
    }[];
  };
}

/** What there is of one of ONNX Runtime's providers for GPUs. */
export interface ProviderState {
  readonly device: 'cuda' | 'tensorrt';
  /** `CUDA`, `TensorRT`. */
  readonly title: string;
  /** Whether this ONNX Runtime was built to load it. */
  readonly known: boolean;
  /** Its library beside ONNX Runtime's, or null. */
  readonly library: string | null;
  /** Libraries that it needs and the loader can't find, e.g. `libcublas.so.13 (cuBLAS)`. */
  readonly missing: readonly string[];
  /** All that stands in its way, or null when nothing is known to. */
  readonly unavailable: string | null;
}

/** Pixels, or why the file is left to another decoder. */
export type JpegDecoding = (RawImage & { readonly declined?: undefined }) | { readonly declined: string };

/** Passes over whole images since the process began; all its threads count together. */
export interface PixelTraffic {
  /** JPEGs decoded by the engine, each written once. */
  readonly decodedImages: number;
  /** Of those, turned upright in a second pass: EXIF orientations 2, 3 and 5 to 8. */
  readonly turnedImages: number;
  /** Of those, converted from the colours of their ICC profile, in place. */
  readonly recolouredImages: number;
}

/**
 * The engine's public face, implemented over the addon. Every promise is settled from the engine's own
 * threads; none blocks the event loop or libuv's pool. Errors: ModelError (file missing, not ONNX, unexpected
 * shapes), DeviceError, OutOfDeviceMemoryError, InputError (bad arguments).
 */
export interface Engine {
  info(): EngineInfo;
  /** TensorRT and CUDA: what is there and what is missing. Opens the libraries that they need, to see. */
  providers(): ProviderState[];
  /** Host (within cgroup limits) and CUDA devices. */
  memory(): { readonly device: string; readonly totalBytes: number; readonly freeBytes: number }[];
  loadSession(modelPath: string, options?: SessionOptions): Promise<InferenceSession>;
  loadDetector(config: DetectorEngineConfig): Promise<DetectorEngine>;
  loadEmbedder(config: EmbedderEngineConfig): Promise<EmbedderEngine>;
  /** `regions.length × 3 × height × width` floats and each region's placement. */
  preprocess(
    regions: readonly RawRegion[],
    spec: PreprocessSpec,
  ): Promise<{ data: Float32Array; placements: Placement[] }>;
  /** Decode and NMS outside a session, for tests and other runtimes; `placement` maps back to source pixels. */
  decodeDetections(
    head: HeadSpec,
    outputs: Readonly<Record<string, Tensor>>,
    options: DetectOptions & {
      readonly inputWidthPx: number;
      readonly inputHeightPx: number;
      readonly sources: readonly {
        readonly widthPx: number;
        readonly heightPx: number;
        readonly placement: Placement;
      }[];
    },
  ): Promise<DetectionRows[]>;
  /**
   * libjpeg-turbo as it was found; looked for at the first call.
   *
   * @throws DeviceError ADDON_UNAVAILABLE when `HAZURE_TURBOJPEG` names one that can't be used
   */
  jpeg(): JpegState;
  /**
   * Reads and decodes a plain JPEG file (8-bit, grey or YCbCr, sRGB or a matrix profile, whole) upright and in sRGB, to
   * the pixels that libvips gives; any other file is declined with a reason. Everything is declined where `jpeg()` found no library.
   *
   * @param source path of the file, or its bytes, which must not be changed meanwhile
   * @param maxPixels larger pictures are declined before memory is reserved
   * @throws InputError INPUT_UNREADABLE for a file too short for the size that it claims
   */
  decodeJpeg(source: string | Uint8Array, maxPixels: number): Promise<JpegDecoding>;
  /**
   * A region as baseline JPEG, 4:2:0, with Huffman tables of its own.
   *
   * @param quality 1…100
   * @throws DeviceError where `jpeg()` found no library
   */
  encodeJpeg(region: RawRegion, quality: number): Promise<Uint8Array>;
  /**
   * Gives the memory of a decoded image back before the garbage collector would. Its array is empty afterwards; no call
   * that reads it may be under way.
   *
   * @returns false where the memory is not the array's alone to give
   */
  releaseImage(image: RawImage): boolean;
  pixelTraffic(): PixelTraffic;
}
