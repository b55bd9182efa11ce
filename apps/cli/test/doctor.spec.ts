import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  environmentSettings,
  gpuFindings,
  nvidiaTraces,
  renderFindings,
  size,
  type Finding,
  type GpuFacts,
} from '@hazure/diagnostics';
import { hazure } from './hazure.js';

const folder = mkdtempSync(join(tmpdir(), 'hazure-doctor-'));
afterAll(() => rmSync(folder, { recursive: true }));
const env = { HAZURE_CACHE_DIR: join(folder, 'cache') };

interface Report {
  readonly usable: boolean;
  readonly problems: number;
  readonly findings: readonly Finding[];
  readonly engine: { readonly usableCores: number; readonly cuda: object } | null;
  readonly disks: readonly { readonly of: string; readonly freeBytes: number }[];
}

describe('hazure doctor', () => {
  test('prints one document with all that it found', async () => {
    const { code, stdout } = await hazure(['doctor', '--json', '--output-dir', folder], {
      ...env,
      HAZURE_CAPTION_API_KEY: 'do-not-print-me',
    });
    const report = JSON.parse(stdout) as Report;
    expect(code).toBe(0);
    expect(stdout).not.toContain('do-not-print-me');
    expect(report).toMatchObject({
      usable: true,
      problems: 0,
      telemetryOff: true,
      version: expect.stringMatching(/^\d/) as string,
      node: { version: process.versions.node },
      engine: {
        onnxRuntimeVersion: expect.stringMatching(/^1\./) as string,
        cuda: { devices: expect.any(Array) as unknown[], architectures: expect.any(Array) as unknown[] },
      },
      providers: [
        { device: 'tensorrt', title: 'TensorRT' },
        { device: 'cuda', title: 'CUDA' },
      ],
      onnxRuntime: { origin: 'onnxruntime-node' },
      gpuRuntime: { downloadBytes: 290_881_024 },
      models: { dir: join(env.HAZURE_CACHE_DIR, 'models') },
      tensorRtCache: { dir: join(env.HAZURE_CACHE_DIR, 'tensorrt'), entries: 0 },
      environment: { ...env, HAZURE_CAPTION_API_KEY: '(set)' },
      registry: null,
    });
    expect(report.engine?.usableCores).toBeGreaterThan(0);
    expect(report.disks.map(({ of }) => of)).toEqual(['cache', 'output']);
    for (const { freeBytes } of report.disks) expect(freeBytes).toBeGreaterThan(0);
    for (const finding of report.findings) {
      expect(finding).toEqual({
        section: expect.stringMatching(/^(Software|Machine|GPU|Cache|Settings)$/) as string,
        what: expect.stringMatching(/./) as string,
        state: expect.stringMatching(/^(ok|note|problem|absent)$/) as string,
        detail: expect.stringMatching(/./) as string,
        fix: finding.fix === null ? null : (expect.stringMatching(/^[^\n]+$/) as string),
      });
      // What is wrong has a remedy.
      if (finding.state === 'problem') expect(finding.fix).not.toBeNull();
    }
  });

  test('reads well', async () => {
    const { code, stdout } = await hazure(['doctor'], env);
    expect(code).toBe(0);
    for (const section of ['Software', 'Machine', 'GPU', 'Cache', 'Settings']) {
      expect(stdout).toMatch(new RegExp(`^${section}$`, 'm'));
    }
    expect(stdout).toMatch(/✓ processor .+ cores/);
    expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^hazure works here, on the /);
  });

  test('ends with 1, and a remedy, only where the engine can’t be used', async () => {
    const { code, stdout } = await hazure(['doctor'], { ...env, HAZURE_ADDON: join(folder, 'none.node') });
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ engine .+ not built[^\n]*\n +→ .*npm run setup/);
    const crashing = join(folder, 'crashing.node');
    writeFileSync(crashing, 'this is no shared library');
    const broken = await hazure(['doctor', '--json'], { ...env, HAZURE_ADDON: crashing });
    expect(broken.code).toBe(1);
    expect(JSON.parse(broken.stdout)).toMatchObject({ usable: false, problems: 1, engine: null });
  });

  test('fetches nothing when offline, and says what to do', async () => {
    const { code, stderr } = await hazure(['doctor', '--fetch-gpu'], { ...env, HAZURE_OFFLINE: '1' });
    expect(code).toBe(1);
    expect(stderr).toMatch(/HAZURE_OFFLINE forbids/);
    expect(stderr).toMatch(/Unset HAZURE_OFFLINE/);
  });
});

const noTraces = { pciDevices: 0, kernelModule: null };
const libraries = ['libcublas.so.13 (cuBLAS)', 'libcudnn.so.9 (cuDNN)'];
/** A machine with an H100, the GPU runtime and nothing missing, but for the changes. */
function machine(changes: {
  readonly cuda?: object;
  readonly provider?: object;
  readonly traces?: GpuFacts['traces'];
  readonly container?: boolean;
  readonly runtime?: string;
}): Finding[] {
  const device = {
    id: 0,
    name: 'H100',
    computeCapability: '9.0',
    totalBytes: 80 * 2 ** 30,
    freeBytes: 2 ** 30,
  };
  const provider = {
    device: 'cuda',
    title: 'CUDA',
    known: true,
    library: '/x/libonnxruntime_providers_cuda.so',
    missing: [],
    unavailable: null,
    ...changes.provider,
  };
  const cuda = {
    compiled: true,
    architectures: ['7.5', '9.0'],
    runtimeVersion: '13.0',
    driverVersion: '13.1',
    unavailable: null,
    devices: [device],
    ...changes.cuda,
  };
  return gpuFindings({
    engine: { info: { cuda }, memory: [], providers: [provider] },
    traces: changes.traces ?? { pciDevices: 1, kernelModule: '580.1' },
    container: changes.container ?? false,
    runtime: {
      state: changes.runtime ?? 'fetched',
      dir: '/cache',
      onnxRuntimeVersion: '1.29.0',
      needs: 'cuBLAS',
      bytes: 1,
      downloadBytes: 1,
      damaged: ['x.so'],
    },
  } as unknown as GpuFacts);
}
const noDevice = { devices: [], unavailable: 'no NVIDIA driver was found', driverVersion: null };

describe('what the doctor makes of a GPU', () => {
  test.each<[string, Parameters<typeof machine>[0], string, RegExp | null]>([
    ['works', {}, 'device 0', null],
    [
      'is older than the kernels',
      { cuda: { architectures: ['10.0'] } },
      'device 0',
      /CMAKE_CUDA_ARCHITECTURES/,
    ],
    ['is not there', { cuda: noDevice, traces: noTraces }, 'device', null],
    [
      'has no driver',
      { cuda: noDevice, traces: { pciDevices: 1, kernelModule: null } },
      'device',
      /Install NVIDIA's driver for CUDA 13\.0/,
    ],
    ['is hidden from a container', { cuda: noDevice, container: true }, 'device', /--gpus all/],
    ['has a driver without its libraries', { cuda: noDevice }, 'device', /user-space libraries/],
    [
      'has an old driver',
      { cuda: { ...noDevice, driverVersion: '12.4', unavailable: 'supports CUDA 12.4' } },
      'device',
      /Update the driver/,
    ],
    ['met an engine for the CPU', { cuda: { ...noDevice, compiled: false } }, 'device', /CUDA toolkit/],
    ['waits for its runtime', { runtime: 'not fetched' }, 'GPU runtime', /hazure doctor --fetch-gpu/],
    ['has a damaged runtime', { runtime: 'damaged' }, 'GPU runtime', /Fetch it again/],
    [
      'has no provider library',
      { provider: { library: null, unavailable: 'x' } },
      'CUDA provider',
      /--fetch-gpu/,
    ],
    [
      'misses libraries',
      { provider: { missing: libraries, unavailable: 'x' } },
      'CUDA provider',
      /cuda-libraries-13-0 libcudnn9-cuda-13 /,
    ],
  ])('that %s', (_, changes, what, fix) => {
    const finding = machine(changes).find((each) => each.what === what);
    expect(finding).toBeDefined();
    if (fix === null) expect(finding?.fix).toBeNull();
    else expect(finding).toMatchObject({ state: 'note', fix: expect.stringMatching(fix) as string });
  });

  test('that is not there needs nothing fetched and nothing installed', () => {
    const findings = machine({
      cuda: noDevice,
      traces: noTraces,
      runtime: 'not fetched',
      provider: { library: null, unavailable: 'x' },
    });
    expect(findings.map(({ state, fix }) => [state, fix])).toEqual([
      ['absent', null],
      ['absent', null],
      ['absent', null],
    ]);
  });

  test('by the traces that the system shows', async () => {
    const device = join(folder, 'root/sys/bus/pci/devices/0000:01:00.0');
    mkdirSync(device, { recursive: true });
    mkdirSync(join(folder, 'root/proc/driver/nvidia'), { recursive: true });
    writeFileSync(join(device, 'vendor'), '0x10de\n');
    writeFileSync(join(device, 'class'), '0x030200\n');
    writeFileSync(
      join(folder, 'root/proc/driver/nvidia/version'),
      'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n',
    );
    expect(await nvidiaTraces(join(folder, 'root'))).toEqual({ pciDevices: 1, kernelModule: '580.65.06' });
    expect(await nvidiaTraces(join(folder, 'none'))).toEqual(noTraces);
  });
});

test('findings stand in columns, fixes below them', () => {
  expect(
    renderFindings([
      { section: 'GPU', what: 'device', state: 'note', detail: 'none', fix: 'buy one' },
      { section: 'Software', what: 'it', state: 'ok', detail: '1.0', fix: null },
    ]),
  ).toBe('Software\n  ✓ it      1.0\n\nGPU\n  ! device  none\n            → buy one\n');
  expect([size(3 * 2 ** 30), size(2 ** 20), size(1)]).toEqual(['3.0 GiB', '1 MiB', '1 KiB']);
});

test('secrets are told only to be set', () => {
  expect(environmentSettings({ HAZURE_CAPTION_API_KEY: 'x', HAZURE_OFFLINE: '1', PATH: '/bin' })).toEqual({
    HAZURE_CAPTION_API_KEY: '(set)',
    HAZURE_OFFLINE: '1',
  });
});
