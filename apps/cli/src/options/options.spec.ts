import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { PHASE_OPTION_KEYS, flagOf, parsePhaseOptions, type PhaseOptions } from '@hazure/contracts';
import { acceptSnakeCase, addOptions, coerce, describePhaseFlag, withFlags } from './flags.js';
import { givenOptions } from './resolve.js';

function parse(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  inherited: Record<string, unknown> = {},
): PhaseOptions {
  const command = new Command('run').exitOverride().option('--config <FILE>');
  addOptions(command, 'run');
  command.parse(acceptSnakeCase(args), { from: 'user' });
  return parsePhaseOptions({ ...inherited, ...givenOptions(command, 'run', env) });
}

test('the Python script’s spelling is accepted, with and without =, values untouched', () => {
  const options = parse([
    '--baseline_folder',
    'a_b',
    '--conf_thres=0.4',
    '--no_save_crops',
    '--threshold_percentile',
    '97',
  ]);
  expect(options).toMatchObject({
    baselineFolder: 'a_b',
    confThres: 0.4,
    saveCrops: false,
    thresholdPercentile: 97,
  });
});

test('flags win over environment, environment over file, file over what is inherited, all over defaults', () => {
  const root = mkdtempSync(join(tmpdir(), 'hazure-options-'));
  const file = join(root, 'hazure.yaml');
  writeFileSync(file, 'lim1: 0.1\nconf-thres: 0.11\nseed: 1\nfusion: all\n');
  const options = parse(
    ['--config', file, '--lim1', '0.3'],
    { HAZURE_LIM1: '0.2', HAZURE_CONF_THRES: '0.22' },
    { seed: 9, iouThres: 0.7 },
  );
  expect(options).toMatchObject({
    lim1: 0.3,
    confThres: 0.22,
    seed: 1,
    fusion: 'all',
    iouThres: 0.7,
    lim2: 1,
  });
  rmSync(root, { recursive: true });
});

test('a config file may hold values as flags have them, and numbers for classes and indices', () => {
  const root = mkdtempSync(join(tmpdir(), 'hazure-options-'));
  const file = join(root, 'hazure.yaml');
  const read = (text: string): PhaseOptions => {
    writeFileSync(file, text);
    return parse(['--config', file]);
  };
  expect(
    read(
      'classes: [0, car]\ntrain_indices: 5\nscorers: knn\npotential_classes: fire, smoke\nsave_crops: no\n',
    ),
  ).toMatchObject({
    classes: ['0', 'car'],
    trainIndices: '5',
    scorers: ['knn'],
    potentialClasses: ['fire', 'smoke'],
    saveCrops: false,
  });
  expect(read('{"classes": 3, "confThres": "0.4"}')).toMatchObject({ classes: ['3'], confThres: 0.4 });
  expect(() => read('confThres: 0.2\nconf_thres: 0.5\n')).toThrow(/conf-thres twice/);
  expect(() => read('classes:\n')).toThrow(/--classes: .*null/);
  rmSync(root, { recursive: true });
});

test('every option has a flag that reaches it', () => {
  const flags = (['learn', 'detect', 'run'] as const).flatMap((name) => {
    const command = new Command();
    addOptions(command, name);
    return command.options.map(({ long }) => long);
  });
  for (const key of PHASE_OPTION_KEYS) expect(flags).toContain(flagOf(key));
});

test('text becomes what the schema checks, and what can’t be read stays text', () => {
  expect(coerce('number', '0.5')).toBe(0.5);
  expect(coerce('number', 'abc')).toBe('abc');
  expect(coerce('number', '')).toBe('');
  expect(coerce('number-or-text', 'auto')).toBe('auto');
  expect(coerce('list', 'a, b ,,c')).toEqual(['a', 'b', 'c']);
  expect(coerce('boolean', 'yes')).toBe(true);
  expect(coerce('boolean', 'maybe')).toBe('maybe');
  expect(describePhaseFlag('batchSize')).toMatchObject({ kind: 'number-or-text', defaultValue: 'auto' });
});

test('options that a library names become flags; other words stay', () => {
  expect(withFlags('option confThres must not be above option lim2')).toBe(
    '--conf-thres must not be above --lim2',
  );
  expect(withFlags('option batchSizes of bench, an option of yours, option nothingKnown')).toBe(
    '--batch-sizes of bench, an option of yours, option nothingKnown',
  );
});
