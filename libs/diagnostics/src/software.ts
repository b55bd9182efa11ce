import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { addonPath, type RuntimeLibrary } from '@hazure/native-engine';
import type { EngineFailure, EngineReport } from './engine-report.js';
import type { Finding } from './finding.js';

const ORIGIN = {
  'gpu-runtime': 'the GPU runtime',
  'onnxruntime-node': "onnxruntime-node's own",
  HAZURE_ONNXRUNTIME: 'from HAZURE_ONNXRUNTIME',
} as const;

/** The version of the npm on the PATH, or null. */
export async function npmVersion(): Promise<string | null> {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const answer = await promisify(execFile)(npm, ['--version'], { timeout: 20_000 }).catch(() => null);
  return answer === null ? null : answer.stdout.trim();
}

/** hazure, Node, npm, the addon and ONNX Runtime. */
export function softwareFindings(
  version: string,
  npm: string | null,
  engine: EngineReport | EngineFailure,
  runtime: RuntimeLibrary | null,
): Finding[] {
  const section = 'Software';
  const findings: Finding[] = [
    { section, what: 'hazure', state: 'ok', detail: version, fix: null },
    {
      section,
      what: 'Node',
      state: 'ok',
      detail: `${process.versions.node} (${process.execPath})`,
      fix: null,
    },
    npm === null
      ? {
          section,
          what: 'npm',
          state: 'absent',
          detail: 'not on the PATH; needed only to set up and to fetch',
          fix: null,
        }
      : { section, what: 'npm', state: 'ok', detail: npm, fix: null },
  ];
  if ('message' in engine) {
    return [
      ...findings,
      { section, what: 'engine', state: 'problem', detail: engine.message, fix: engine.hint },
    ];
  }
  const { info } = engine;
  const { cuda } = info;
  const build = cuda.compiled
    ? `CUDA ${cuda.runtimeVersion ?? '?'} kernels for compute capability ${cuda.architectures.join(', ')}`
    : 'without CUDA kernels';
  return [
    ...findings,
    {
      section,
      what: 'engine',
      state: 'ok',
      detail: `${info.addonVersion}, ${build} (${addonPath()})`,
      fix: null,
    },
    {
      section,
      what: 'ONNX Runtime',
      state: 'ok',
      detail:
        `${info.onnxRuntimeVersion}${runtime === null ? '' : `, ${ORIGIN[runtime.origin]}`}, ` +
        `C API ${info.onnxRuntimeApi} (${info.onnxRuntimePath})`,
      fix: null,
    },
    jpegFinding(engine.jpeg),
    engine.telemetryOff
      ? { section, what: 'telemetry', state: 'ok', detail: "ONNX Runtime's is off", fix: null }
      : {
          section,
          what: 'telemetry',
          state: 'note',
          detail: "ONNX Runtime's may be on",
          fix: 'Set ORT_DISABLE_TELEMETRY=1 before Node starts.',
        },
  ];
}

const JPEG_ORIGIN = {
  system: "the system's",
  cache: 'fetched by `npm run setup`',
  '@julusian/jpeg-turbo': "npm's @julusian/jpeg-turbo",
  HAZURE_TURBOJPEG: 'from HAZURE_TURBOJPEG',
} as const;

/** What decodes JPEGs, and what it costs where that is not libjpeg-turbo. */
export function jpegFinding(jpeg: EngineReport['jpeg']): Finding {
  const about = { section: 'Software', what: 'libjpeg-turbo' } as const;
  if ('failure' in jpeg) return { ...about, state: 'problem', detail: jpeg.failure, fix: jpeg.hint };
  if (jpeg.path !== null) {
    const origin = jpeg.origin === null ? '' : `${JPEG_ORIGIN[jpeg.origin]} `;
    return { ...about, state: 'ok', detail: `${origin}(${jpeg.path})`, fix: null };
  }
  const why = jpeg.off ? 'switched off by HAZURE_TURBOJPEG' : 'not found';
  return {
    ...about,
    state: 'note',
    detail: `${why}: sharp decodes JPEGs, at 1.6 (1080p) to 2.6 times (640 × 480) the processor time`,
    fix: jpeg.off
      ? 'Unset HAZURE_TURBOJPEG.'
      : 'Run `npm run setup`, install libturbojpeg0 (Debian, Ubuntu), or point HAZURE_TURBOJPEG at a libturbojpeg.so.0.',
  };
}
