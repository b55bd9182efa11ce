import { Command } from 'commander';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchPlan } from '@hazure/benchmark';
import { benchPlan } from './bench.js';
import { addOptions } from './flags.js';
import { commandOptions } from './resolve.js';

function plan(args: readonly string[], env: NodeJS.ProcessEnv = {}): BenchPlan {
  const command = new Command('bench').exitOverride().option('--config <FILE>');
  addOptions(command, 'bench');
  command.parse([...args], { from: 'user' });
  return benchPlan(commandOptions(command, 'bench', env));
}

test('every combination of device, precision and threads is a setting', () => {
  const words = '--device,cpu:cuda,--precision,fp32:fp16,--threads,1:2,--batch-sizes,4:1';
  const { settings, options, batchSizes } = plan(words.split(',').map((word) => word.replaceAll(':', ', ')));
  expect(settings).toHaveLength(8);
  expect(settings[0]).toEqual({ device: 'cpu', precision: 'fp32', threads: 1 });
  expect(options).toMatchObject({ device: 'cpu', precision: 'fp32', threads: 1 });
  expect(batchSizes).toEqual([4, 1]);
  expect(plan([])).toMatchObject({ batchSizes: null, rounds: 3, secondsEach: 1, mostImages: 256, seed: 42 });
});

test('flags win over environment, environment over the section of the config file', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'bench-')), 'hazure.yaml');
  writeFileSync(file, 'seed: 9\nbench:\n  rounds: 5\n  batch-sizes: 2\n  seconds: 0.5\n  threads: 1,2\n');
  const found = plan(['--config', file, '--seconds', '2'], { HAZURE_BENCH_ROUNDS: '7' });
  expect(found).toMatchObject({ rounds: 7, batchSizes: [2], secondsEach: 2, seed: 42 });
  expect(found.settings.map(({ threads }) => threads)).toEqual([1, 2]);
  writeFileSync(file, 'bench: { round: 5 }\n');
  expect(() => plan(['--config', file])).toThrow(/"round"; did you mean "rounds"/);
});

test.each([
  ['--device', 'gpu'],
  ['--precision', 'fp1'],
  ['--threads', '-1'],
  ['--batch-sizes', '0'],
  ['--batch-sizes', ''],
  ['--batch-sizes', '1,x'],
  ['--rounds', '1.5'],
  ['--seconds', '0'],
  ['--images', '0'],
  ['--device', ','],
])('%s %s is refused by the flag', (flag, value) => {
  expect(() => plan([flag, value])).toThrow(flag);
});
