import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hazure, photosAndModels, realData, realTest, runFolder } from './hazure.js';

const { photos, models } = await photosAndModels();

const scratch = mkdtempSync(join(tmpdir(), 'hazure-bench-test-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test('bench measures real photos, names a batch size near the best of its sweep, and draws it', async () => {
  const plot = join(scratch, 'bench.png');
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith('hazure-bench-')).length;
  const { code, stdout, stderr } = await hazure([
    ...['bench', photos, ...models, '--images', '6', '--batch-sizes', '1,2,3'],
    ...['--rounds', '1', '--seconds', '0.05', '--plot', plot, '--json'],
  ]);
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  const { endToEnd, sweeps, recommendation, stages } = JSON.parse(stdout);
  expect(sweeps).toHaveLength(6);
  for (const sweep of sweeps) {
    expect(sweep).toMatchObject({ device: 'cpu', precision: 'fp32', model: expect.any(String) });
    expect(sweep.imagesPerSecond).toBeGreaterThan(0);
    expect(sweep.p95Ms).toBeGreaterThanOrEqual(sweep.p50Ms);
    expect(sweep.memoryBytes).toBeGreaterThanOrEqual(0);
  }
  const sizes = sweeps.map(({ batchSize }: { batchSize: number }) => batchSize);
  expect(sizes).toContain(recommendation.batchSize);
  expect(recommendation.flags).toContain(`--batch-size ${recommendation.batchSize}`);
  expect(endToEnd).toMatchObject({ images: 6, rounds: 1 });
  expect(endToEnd.imagesPerSecond).toBeGreaterThan(0);
  expect(endToEnd.inferenceOnlyImagesPerSecond).toBeGreaterThan(0);
  // One round: the ratio of that round, against the faster way.
  expect(endToEnd.efficiency).toBeCloseTo(
    endToEnd.imagesPerSecond / endToEnd.inferenceOnlyImagesPerSecond,
    6,
  );
  expect(stages.map(({ stage }: { stage: string }) => stage)).toEqual(['decode', 'detect', 'embed']);
  expect(readFileSync(plot).subarray(1, 4).toString()).toBe('PNG');
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith('hazure-bench-'))).toHaveLength(before);
});

test('a device that is not there is an error alone, and left out of a comparison', async () => {
  const common = ['bench', photos, ...models, '--images', '1', '--batch-sizes', '1'];
  const quick = ['--rounds', '1', '--seconds', '0.01', '--json'];
  const env = { CUDA_VISIBLE_DEVICES: '' };
  const alone = await hazure([...common, ...quick, '--device', 'cuda'], env);
  expect(alone.code).toBe(1);
  expect(JSON.parse(alone.stdout).error.code).toBe('DEVICE_UNAVAILABLE');
  for (const devices of ['cpu,cuda', 'cuda,cpu']) {
    const compared = await hazure([...common, ...quick, '--device', devices], env);
    expect(compared.code).toBe(0);
    const { skipped, endToEnd } = JSON.parse(compared.stdout);
    expect(skipped).toHaveLength(2);
    expect(endToEnd.setting.device).toBe('cpu');
  }
});

realTest('memory that runs out at every batch above 3 changes no result', async () => {
  const shared = realData!.photos.replace(/data.coco128.images$/, 'models');
  const results = [];
  for (const limit of ['0', '3']) {
    const outputDir = join(scratch, `oom-${limit}`);
    const { code, stderr } = await hazure(
      [
        ...[
          'learn',
          realData!.photos,
          '--train-indices',
          '0-11',
          '--batch-size',
          '8',
          '--output-dir',
          outputDir,
        ],
        ...[
          '--detector',
          join(shared, 'yolov8n.onnx'),
          '--embedder',
          join(shared, 'mobilenet_v2_features.onnx'),
        ],
        '--no-save-crops',
      ],
      { HAZURE_INJECT_OOM_ABOVE: limit },
    );
    expect(code).toBe(0);
    const warned = (who: string): boolean =>
      stderr.includes(`${who}: memory ran out; going on with batches of 2`);
    expect([warned('detector'), warned('embedder')]).toEqual([limit === '3', limit === '3']);
    const folder = runFolder(outputDir, 'baseline');
    results.push(
      ['crops.jsonl', 'features.npy', 'iso_model.json', 'failures.jsonl', 'images.jsonl'].map((name) =>
        readFileSync(join(folder, name)).toString('base64'),
      ),
    );
  }
  expect(results[1]).toEqual(results[0]);
});
