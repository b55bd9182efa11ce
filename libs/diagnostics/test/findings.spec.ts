import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cacheFindings,
  diskSpace,
  environmentSettings,
  gpuFindings,
  machineFindings,
  nvidiaTraces,
  renderFindings,
  settingsFindings,
  size,
  softwareFindings,
  type Finding,
  type GpuFacts,
} from '../src/index.js';

const folder = mkdtempSync(join(tmpdir(), 'hazure-diagnostics-'));

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

describe('the machine', () => {
  const GIBIBYTE = 2 ** 30;
  const disk = (of: 'cache' | 'output', freeBytes: number) => ({
    of,
    path: '/x',
    freeBytes,
    totalBytes: 100 * GIBIBYTE,
  });
  const engine = (kernelIsa: string, freeBytes: number): Parameters<typeof machineFindings>[0] =>
    ({
      info: { usableCores: 1, cpuFeatures: ['avx2'], kernelIsa },
      memory: [{ device: 'host', freeBytes, totalBytes: 2 * GIBIBYTE }],
    }) as unknown as Parameters<typeof machineFindings>[0];

  test('with room and vectors needs nothing', () => {
    const findings = machineFindings(engine('avx2', 8 * GIBIBYTE), [disk('cache', 50 * GIBIBYTE)]);
    expect(findings.map(({ what, state }) => [what, state])).toEqual([
      ['system', 'ok'],
      ['processor', 'ok'],
      ['instructions', 'ok'],
      ['memory', 'ok'],
      ['disk for cache', 'ok'],
    ]);
    expect(findings.every(({ fix }) => fix === null)).toBe(true);
  });

  test('that is short of memory or disk gets a remedy for each', () => {
    const findings = machineFindings(engine('avx2', GIBIBYTE / 2), [
      disk('cache', GIBIBYTE),
      disk('output', GIBIBYTE),
    ]);
    const notes = findings.filter(({ state }) => state === 'note');
    expect(notes.map(({ what, fix }) => [what, fix])).toEqual([
      ['memory', expect.stringContaining('--batch-size 1')],
      ['disk for cache', expect.stringContaining('HAZURE_CACHE_DIR')],
      ['disk for output', expect.stringContaining('--output-dir')],
    ]);
  });

  test('has disks, also for a folder that is not there yet', async () => {
    const disks = await diskSpace(join(folder, 'not', 'yet'));
    expect(disks.map(({ of }) => of)).toEqual(['cache', 'output']);
    for (const { freeBytes, totalBytes } of disks) {
      expect(freeBytes).toBeGreaterThan(0);
      expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
    }
  });

  test('without an engine is described as far as Node knows it, and the engine’s trouble is a problem', () => {
    expect(machineFindings(null, []).map(({ what }) => what)).toEqual(['system', 'processor']);
    const trouble = { message: 'the addon is not built', hint: 'npm run setup' } as Parameters<
      typeof softwareFindings
    >[2];
    const engineFinding = softwareFindings('1.2.3', '11.0.0', trouble, null).find(
      ({ what }) => what === 'engine',
    );
    expect(engineFinding).toMatchObject({ state: 'problem', detail: 'the addon is not built' });
  });
});

test('a damaged model is a note with a remedy, a whole one is not', () => {
  const bundle = (id: string, ok: boolean) => ({
    id,
    state: 'cached',
    bytes: 2 ** 20,
    verified: { ok, damaged: ok ? [] : ['model.onnx'] },
  });
  const cache = { dir: '/c', bundles: [bundle('good', true), bundle('bad', false)] };
  const findings = cacheFindings(
    cache as unknown as Parameters<typeof cacheFindings>[0],
    { dir: '/t', bytes: 0, entries: 0 } as unknown as Parameters<typeof cacheFindings>[1],
  );
  expect(findings.find(({ what }) => what === 'good')).toMatchObject({ state: 'ok', fix: null });
  expect(findings.find(({ what }) => what === 'bad')).toMatchObject({
    state: 'note',
    detail: expect.stringContaining('model.onnx') as string,
    fix: expect.stringMatching(/./) as string,
  });
});

test('settings that are set are listed', () => {
  const findings = settingsFindings({ HAZURE_OFFLINE: '1' }, null);
  expect(findings).toContainEqual(
    expect.objectContaining({ what: 'HAZURE_OFFLINE', detail: '1', state: 'ok' }),
  );
});
