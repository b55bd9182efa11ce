import { readFileSync } from 'node:fs';
import { EXIT, ConfigError, HazureError, InterruptedError } from '../errors.js';
import {
  PHASE_OPTION_KEYS,
  flagOf,
  optionBelongsTo,
  optionMeta,
  parseIndexRanges,
  parsePhaseOptions,
  phaseOptionsJsonSchema,
} from './phase.js';

test('defaults are the Python script’s', () => {
  expect(parsePhaseOptions({})).toMatchObject({
    confThres: 0.3,
    contamination: 0.1,
    thresholdPercentile: 95,
    lim1: 0.8,
    lim2: 1,
    seed: 42,
    fusion: 'any',
    saveCrops: true,
    cleanupTempFiles: false,
  });
});

test.each([
  [{ confThress: 1 }, /did you mean "confThres"/, 'CONFIG_UNKNOWN_KEY'],
  [{ percentile: 1 }, /did you mean "thresholdPercentile"/, 'CONFIG_UNKNOWN_KEY'],
  [{ batchSize: 'big' }, /auto or a whole number from 1 to 4096 \(got "big"\)/, 'CONFIG_INVALID'],
  [{ confThres: 1.5 }, /--conf-thres: .*1\.5/, 'CONFIG_INVALID'],
  [{ seed: 1.5 }, /--seed/, 'CONFIG_INVALID'],
  [{ fusion: 'some' }, /--fusion/, 'CONFIG_INVALID'],
  [{ scorers: ['magic'] }, /--scorers/, 'CONFIG_INVALID'],
  [{ trainIndices: '3..5' }, /0-999,2000/, 'CONFIG_INVALID'],
  [{ captionUrl: 'not a url' }, /--caption-url/, 'CONFIG_INVALID'],
  [{ lim1: 0.9, lim2: 0.5 }, /--lim1/, 'CONFIG_INVALID'],
])('%j is refused by name', (values, message, code) => {
  const attempt = (): unknown => parsePhaseOptions(values, flagOf);
  expect(attempt).toThrow(message);
  try {
    attempt();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    expect(error).toMatchObject({ code, exitCode: EXIT.usage });
  }
});

test('every option has a description, a group, and at least one command', () => {
  const properties = (phaseOptionsJsonSchema() as { properties: Record<string, { description?: string }> })
    .properties;
  for (const key of PHASE_OPTION_KEYS) {
    expect([key, properties[key].description?.length ?? 0]).toEqual([key, expect.any(Number)]);
    expect(properties[key].description).toBeTruthy();
    expect(optionMeta(key).group).toBeTruthy();
    expect((['learn', 'detect', 'run'] as const).some((command) => optionBelongsTo(key, command))).toBe(true);
    expect(flagOf(key)).toMatch(/^--[a-z0-9]+(-[a-z0-9]+)*$/);
  }
});

test('the published JSON Schema is the one of the options (npm run build && node tools/config-schema.mjs)', () => {
  const published = new URL('../../config.schema.json', import.meta.url);
  expect(JSON.parse(readFileSync(published, 'utf8'))).toEqual(phaseOptionsJsonSchema());
});

test('index ranges are inclusive and may be given in any order', () => {
  const selected = parseIndexRanges('5, 0-2,10 - 11');
  expect(Array.from({ length: 13 }, (_, i) => i).filter((i) => selected?.(i))).toEqual([0, 1, 2, 5, 10, 11]);
  expect(parseIndexRanges(undefined)).toBeNull();
  expect(() => parseIndexRanges('9-5')).toThrow(/backwards/);
});

test('errors carry code, hint and exit code', () => {
  const error = new HazureError('MODEL_INVALID', 'what', { hint: 'do this', cause: 'why' });
  expect(error).toMatchObject({
    name: 'HazureError',
    code: 'MODEL_INVALID',
    hint: 'do this',
    cause: 'why',
    exitCode: 1,
  });
  expect(new InterruptedError().exitCode).toBe(130);
});
