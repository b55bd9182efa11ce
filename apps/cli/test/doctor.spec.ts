import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '@hazure/diagnostics';
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
