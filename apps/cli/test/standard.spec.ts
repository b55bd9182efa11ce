import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readManifest } from '@hazure/run-store';
import { HubServer, makeTinyModel, paintPicture } from '@hazure/test-kit';
import { hazure, runFolder } from './hazure.js';

/**
 * The standard pack from a hub to a report: folders of the real layout with random weights, under the real
 * repositories' names, on a server that speaks the hub's protocol.
 */
let root: string;
let hub: HubServer;
let env: NodeJS.ProcessEnv;
let offline: NodeJS.ProcessEnv;
let normal: string;
let fresh: string;
const json = (text: string): unknown => JSON.parse(text);
const file = (folder: string, name: string): unknown => json(readFileSync(join(folder, name), 'utf8'));

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'hazure-standard-'));
  hub = await HubServer.start();
  hub.add('onnx-community/dfine_s_coco-ONNX', makeTinyModel('dfine', join(root, 'dfine')));
  hub.add(
    'Xenova/clip-vit-base-patch32',
    makeTinyModel('clip', join(root, 'clip'), ['--precisions', 'fp32,fp16']),
  );
  const qwen = makeTinyModel('qwen2-vl', join(root, 'qwen'));
  // the 4-bit files' names, and their inputs and outputs; the weights behind them are not 4-bit here
  hub.add('onnx-community/Qwen2-VL-2B-Instruct', qwen, (name) => name.replace(/\.onnx$/, '_q4.onnx'));
  env = { HF_ENDPOINT: hub.url, HAZURE_CACHE_DIR: join(root, 'cache'), HF_TOKEN: '' };
  // nothing answers at that address any more
  offline = { ...env, HF_ENDPOINT: 'http://127.0.0.1:9' };
  [normal, fresh] = ['normal', 'fresh'].map((name) => join(root, name));
  mkdirSync(normal);
  mkdirSync(fresh);
  for (let i = 0; i < 8; i++) await paintPicture(join(normal, `${i}.png`), i);
  for (let i = 0; i < 2; i++) await paintPicture(join(fresh, `${i}.png`), 40 + i, 200 + 90 * i, 260);
}, 60_000);

afterAll(async () => {
  await hub.stop();
  rmSync(root, { recursive: true, force: true });
});

test('a model that can’t be had is an error with both remedies, whether the hub or the permission is missing', async () => {
  const nowhere = { ...offline, HAZURE_CACHE_DIR: join(root, 'empty') };
  const args = ['learn', normal, '--models', 'standard', '--output-dir', join(root, 'none'), '--json'];
  for (const [more, code] of [
    [[], 'NETWORK_UNAVAILABLE'],
    [['--offline'], 'MODEL_MISSING'],
  ] as const) {
    const failed = await hazure([...args, ...more], nowhere);
    expect(failed.code).toBe(1);
    expect(json(failed.stdout)).toMatchObject({
      error: { code, hint: expect.stringMatching(/models pull.*--models starter/s) as string },
    });
  }
});

test('spoilt bytes are refused by their checksum and not kept', async () => {
  hub.spoil = 'onnx/model.onnx';
  const cache = join(root, 'spoilt');
  const { code, stdout } = await hazure(['models', 'pull', 'standard', '--json'], {
    ...env,
    HAZURE_CACHE_DIR: cache,
  });
  hub.spoil = null;
  expect(code).toBe(1);
  expect(json(stdout)).toMatchObject({
    error: {
      code: 'MODEL_CHECKSUM',
      message: expect.stringMatching(/expected sha256 [0-9a-f]{64}/) as string,
    },
  });
  const kept = readdirSync(cache, { recursive: true }).map(String);
  expect(kept.filter((name) => name.includes('dfine') && name.includes('.onnx'))).toEqual([]);
});

test('a cut download says so, and the next pull goes on where it stopped', async () => {
  hub.cut = { name: 'onnx/text_model.onnx', afterBytes: 20_000 };
  const first = await hazure(['models', 'pull', 'standard'], env);
  expect(first.code).toBe(1);
  expect(first.stderr).toMatch(/Fetching clip-vit-base-patch32 \(0\.\d MiB\)/);
  expect(first.stderr).toMatch(/text_model\.onnx can't be fetched/);
  expect(first.stderr).toMatch(/what to do: .*models pull.*--models starter/);

  hub.cut = null;
  hub.downloads.length = 0;
  const second = await hazure(['models', 'pull', 'standard', '--json'], env);
  expect([second.code, second.stderr]).toEqual([0, expect.any(String)]);
  expect(hub.downloads).toContain('onnx/text_model.onnx bytes=20000-');
  expect(hub.downloads.some((name) => name.startsWith('onnx/vision_model.onnx'))).toBe(false);
  const { models } = json(second.stdout) as { models: { id: string; state: string; origin: string }[] };
  expect(models.map(({ id, state }) => [id, state])).toEqual([
    ['clip-vit-base-patch32', 'cached'],
    ['dfine-s', 'cached'],
    ['qwen2-vl-2b', 'cached'],
  ]);
  for (const { origin } of models) expect(origin).toMatch(/^hub:[\w.-]+\/[\w.-]+@[0-9a-f]{40}$/);

  const asked = hub.requests;
  const verified = await hazure(['models', 'verify', 'standard', '--json'], env);
  expect(verified.code).toBe(0);
  expect(json(verified.stdout)).toMatchObject({ models: [{ ok: true }, { ok: true }, { ok: true }] });
  expect((await hazure(['models', 'pull', 'standard'], offline)).code).toBe(0);
  expect(hub.requests).toBe(asked);
}, 60_000);

test('a precision of CLIP is pulled by its file, with its own text tower and the tokenizer', async () => {
  const name = 'Xenova/clip-vit-base-patch32:onnx/vision_model_fp16.onnx';
  const { code, stdout } = await hazure(['models', 'pull', name, '--json'], env);
  expect(code).toBe(0);
  const { models } = json(stdout) as { models: { path: string }[] };
  expect(readdirSync(join(models[0].path, 'onnx')).sort()).toEqual([
    'text_model_fp16.onnx',
    'vision_model_fp16.onnx',
  ]);
  expect(readdirSync(models[0].path)).toEqual(
    expect.arrayContaining(['preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json']),
  );
});

test('run --models standard works offline: D-FINE, CLIP, its text tower, Qwen2-VL', async () => {
  const out = join(root, 'standard');
  const asked = hub.requests;
  const { code, stdout, stderr } = await hazure(
    ['run', '--baseline-folder', normal, '--test-folder', fresh, '--output-dir', out].concat([
      '--models',
      'standard',
      '--offline',
      '--max-detections',
      '4',
      '--potential-classes',
      'zebra',
      '--json',
    ]),
    offline,
  );
  expect([code, stderr]).toEqual([0, expect.stringContaining('captions are compared with labels by clip:')]);
  expect(json(stdout)).toMatchObject({ images: 10, failures: 0 });
  expect(hub.requests).toBe(asked);

  const folder = runFolder(out, 'detection');
  const { models } = await readManifest(folder);
  expect(Object.entries(models).map(([role, { name }]) => [role, name])).toEqual([
    ['detector', 'dfine-s'],
    ['embedder', 'clip-vit-base-patch32'],
    ['captioner', 'onnx-community/Qwen2-VL-2B-Instruct'],
    ['similarity', 'clip:clip-vit-base-patch32'],
  ]);
  for (const { sha256 } of Object.values(models)) expect(sha256).toMatch(/^[0-9a-f]{64}$/);
  const { objects } = file(folder, 'detection_results.json') as {
    objects: { verdict: { semantic: { caption: { text: string; source: string }; matches: object[] } } }[];
  };
  expect(objects.length).toBeGreaterThan(4);
  for (const { verdict } of objects) {
    expect(verdict.semantic.caption.source).toBe('onnx-community/Qwen2-VL-2B-Instruct');
    expect(verdict.semantic.caption.text).not.toBe('');
    expect(verdict.semantic.matches.length).toBeGreaterThan(0);
  }
  const report = readFileSync(join(folder, 'report.html'), 'utf8');
  for (const { name } of Object.values(models)) expect(report).toContain(name);
}, 60_000);

test('detect with another captioner takes the models over from the baseline', async () => {
  const out = join(root, 'again');
  const baseline = runFolder(join(root, 'standard'), 'baseline');
  const { code, stderr } = await hazure(
    ['detect', fresh, '--baseline', baseline, '--output-dir', out, '--offline', '--captioner', 'template'],
    offline,
  );
  expect([code, stderr]).toEqual([0, expect.any(String)]);
  const folder = runFolder(out, 'detection');
  expect(file(folder, 'config.json')).toMatchObject({ similarity: 'clip:clip-vit-base-patch32' });
  expect((await readManifest(folder)).models['captioner']).toMatchObject({ name: 'template', sha256: null });
  // label embeddings are kept by the text tower's hash
  const { sha256 } = (await readManifest(folder)).models['similarity'];
  expect(existsSync(join(root, 'cache', 'labels', String(sha256)))).toBe(true);
}, 60_000);
