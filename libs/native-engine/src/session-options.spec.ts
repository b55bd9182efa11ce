import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultTensorRtCacheDir, rawSessionOptions } from './session-options.js';

const folder = mkdtempSync(join(tmpdir(), 'hazure-'));
const model = join(folder, 'model.onnx');
writeFileSync(model, 'abc');
afterAll(() => rmSync(folder, { recursive: true }));
// FIPS 180-4, the digest of "abc".
const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
const yes = (): boolean => true;
const no = (): boolean => false;

describe('rawSessionOptions', () => {
  test('keys the engine cache by the model where TensorRT may be used', async () => {
    const cached = { tensorrt: { cacheDir: defaultTensorRtCacheDir(), modelHash: digest } };
    expect(await rawSessionOptions(model, undefined, yes)).toEqual(cached);
    expect(await rawSessionOptions(model, { device: 'auto' }, yes)).toEqual({ device: 'auto', ...cached });
    expect(
      await rawSessionOptions(model, { tensorrt: { cacheDir: '/c', optimisationLevel: 5 } }, yes),
    ).toEqual({ tensorrt: { cacheDir: '/c', optimisationLevel: 5, modelHash: digest } });
  });

  test('hashes nothing elsewhere', async () => {
    expect(await rawSessionOptions(model, { device: 'cpu', threads: 2 }, yes)).toEqual({
      device: 'cpu',
      threads: 2,
    });
    expect(await rawSessionOptions(model, undefined, no)).toEqual({});
    expect(await rawSessionOptions(model, { tensorrt: { cacheDir: null, workspaceBytes: 9 } }, yes)).toEqual({
      tensorrt: { workspaceBytes: 9 },
    });
  });

  test('leaves a missing model and wrong options to the addon', async () => {
    expect(await rawSessionOptions(join(folder, 'none'), undefined, yes)).toMatchObject({
      tensorrt: { modelHash: '' },
    });
    expect(await rawSessionOptions(model, null as never, yes)).toBeNull();
    expect(await rawSessionOptions(model, 3 as never, yes)).toBe(3);
  });
});
