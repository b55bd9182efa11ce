import type { GpuRuntimeStatus } from '@hazure/models';
import type { EngineReport } from './engine-report.js';
import { size, type Finding } from './finding.js';
import type { NvidiaTraces } from './nvidia.js';

const section = 'GPU';
const FETCH = 'hazure doctor --fetch-gpu';
/** Packages of NVIDIA's own repositories for Debian, Ubuntu and their like. */
const PACKAGES = [
  [/cuBLAS|cuRAND|CUDA runtime|cuFFT/, 'cuda-libraries-13-0'],
  [/cuDNN/, 'libcudnn9-cuda-13'],
  [/TensorRT/, 'libnvinfer10 libnvonnxparsers10'],
] as const;

export interface GpuFacts {
  readonly engine: EngineReport;
  readonly traces: NvidiaTraces;
  readonly container: boolean;
  readonly runtime: GpuRuntimeStatus;
}

/** Devices, driver, provider libraries and what they miss. */
export function gpuFindings(facts: GpuFacts): Finding[] {
  const findings = deviceFindings(facts);
  const present =
    facts.engine.info.cuda.devices.length > 0 ||
    facts.traces.pciDevices > 0 ||
    facts.traces.kernelModule !== null;
  return [...findings, runtimeFinding(facts, present), ...providerFindings(facts, present)];
}

function deviceFindings({ engine, traces, container }: GpuFacts): Finding[] {
  const { cuda } = engine.info;
  const finding = (state: Finding['state'], detail: string, fix: string | null): Finding[] => [
    { section, what: 'device', state, detail, fix },
  ];
  if (cuda.devices.length > 0) {
    const free = new Map(engine.memory.map(({ device, freeBytes }) => [device, freeBytes]));
    const driver = `driver for CUDA ${cuda.driverVersion ?? '?'}, the engine needs ${cuda.runtimeVersion ?? '?'}`;
    return cuda.devices.map(({ id, name, computeCapability, totalBytes, freeBytes }) => {
      const newest = cuda.architectures.at(-1);
      const older = cuda.architectures.every((made) => Number(made) > Number(computeCapability));
      return {
        section,
        what: `device ${id}`,
        state: older ? 'note' : 'ok',
        detail:
          `${name}, compute capability ${computeCapability}, ` +
          `${size(free.get(`cuda:${id}`) ?? freeBytes)} free of ${size(totalBytes)}, ${driver}`,
        fix: older
          ? `The kernels are for ${cuda.architectures[0] ?? '?'} to ${newest ?? '?'}: build them for ${computeCapability} (CMAKE_CUDA_ARCHITECTURES).`
          : null,
      };
    });
  }
  const seen =
    traces.pciDevices > 0
      ? `${traces.pciDevices} NVIDIA device(s) on the PCI bus`
      : 'an NVIDIA kernel module';
  if (traces.pciDevices === 0 && traces.kernelModule === null) {
    return finding('absent', 'no NVIDIA GPU in this machine: everything runs on the CPU', null);
  }
  if (!cuda.compiled) {
    return finding(
      'note',
      `${seen}, but the engine was built for the CPU only`,
      'Install the CUDA toolkit (nvcc) and run `npm run setup` again.',
    );
  }
  if (traces.kernelModule === null) {
    return finding(
      'note',
      `${seen}, but no driver is loaded`,
      `Install NVIDIA's driver for CUDA ${cuda.runtimeVersion ?? '13.0'} or newer and restart.`,
    );
  }
  if (cuda.driverVersion === null) {
    return finding(
      'note',
      `the kernel has NVIDIA's driver ${traces.kernelModule}, but libcuda.so.1 can't be opened`,
      container
        ? 'Start the container with the GPUs (NVIDIA Container Toolkit: `--gpus all`).'
        : "Install the driver's user-space libraries of the same version.",
    );
  }
  return finding(
    'note',
    `driver ${traces.kernelModule} for CUDA ${cuda.driverVersion}: ${cuda.unavailable ?? 'no device answers'}`,
    `Update the driver to one for CUDA ${cuda.runtimeVersion ?? '13.0'}, or build with an older toolkit; check CUDA_VISIBLE_DEVICES.`,
  );
}

function runtimeFinding({ runtime }: GpuFacts, present: boolean): Finding {
  const what = 'GPU runtime';
  const weight = `${size(runtime.downloadBytes)} to download, ${size(runtime.bytes)} on disk`;
  switch (runtime.state) {
    case 'fetched':
      return {
        section,
        what,
        state: 'ok',
        detail: `ONNX Runtime ${runtime.onnxRuntimeVersion} with its providers, whole (${runtime.dir})`,
        fix: null,
      };
    case 'damaged':
      return {
        section,
        what,
        state: 'note',
        detail: `damaged: ${runtime.damaged.join(', ')}`,
        fix: `Fetch it again: \`${FETCH}\`.`,
      };
    case 'not fetched':
      return present
        ? {
            section,
            what,
            state: 'note',
            detail: `not fetched; it needs ${runtime.needs}`,
            fix: `Fetch ONNX Runtime's CUDA and TensorRT providers: \`${FETCH}\` (${weight}).`,
          }
        : {
            section,
            what,
            state: 'absent',
            detail: `not fetched, and not needed without a GPU (\`${FETCH}\`)`,
            fix: null,
          };
    case 'not for this platform':
      return {
        section,
        what,
        state: 'absent',
        detail: 'none for this platform; HAZURE_ONNXRUNTIME can name your own',
        fix: null,
      };
  }
}

function providerFindings({ engine }: GpuFacts, present: boolean): Finding[] {
  return engine.providers.map(({ title, library, missing, unavailable, known }): Finding => {
    const what = `${title} provider`;
    if (unavailable === null)
      return { section, what, state: 'ok', detail: `can be used (${library ?? ''})`, fix: null };
    const state = present ? 'note' : 'absent';
    if (!known) {
      return {
        section,
        what,
        state,
        detail: 'this ONNX Runtime was built without it',
        fix: present ? 'Unset HAZURE_ONNXRUNTIME, or point it at a build that has it.' : null,
      };
    }
    if (library === null) {
      return {
        section,
        what,
        state,
        detail: 'its library is not beside ONNX Runtime',
        fix: present ? `\`${FETCH}\`` : null,
      };
    }
    const absent = missing.length === 0 ? '' : `misses ${missing.join(', ')}`;
    const packages = PACKAGES.filter(([pattern]) => missing.some((name) => pattern.test(name))).map(
      ([, name]) => name,
    );
    return {
      section,
      what,
      state,
      detail: absent || unavailable,
      fix:
        present && packages.length > 0
          ? `Install from NVIDIA's package repository: ${packages.join(' ')} (then \`ldconfig\`, or LD_LIBRARY_PATH).`
          : null,
    };
  });
}
