import { benchPlan, type BenchFlags } from './bench.js';

const flags: BenchFlags = {
  models: 'starter',
  device: 'auto',
  precision: 'auto',
  threads: '0',
  images: '256',
  seconds: '1',
  rounds: '3',
  seed: '42',
};

test('every combination of device, precision and threads is a setting', () => {
  const { settings, options, batchSizes } = benchPlan({
    ...flags,
    device: 'cpu, cuda',
    precision: 'fp32,fp16',
    threads: '1,2',
    batchSizes: '4,1',
  });
  expect(settings).toHaveLength(8);
  expect(settings[0]).toEqual({ device: 'cpu', precision: 'fp32', threads: 1 });
  expect(options).toMatchObject({ device: 'cpu', precision: 'fp32', threads: 1 });
  expect(batchSizes).toEqual([4, 1]);
  expect(benchPlan(flags).batchSizes).toBeNull();
});

test.each([
  [{ device: 'gpu' }, '--device'],
  [{ precision: 'int8' }, '--precision'],
  [{ threads: '-1' }, '--threads'],
  [{ batchSizes: '0' }, '--batch-sizes'],
  [{ batchSizes: '' }, '--batch-sizes'],
  [{ batchSizes: '1,x' }, '--batch-sizes'],
  [{ rounds: '1.5' }, '--rounds'],
  [{ seconds: '0' }, '--seconds'],
  [{ images: '0' }, '--images'],
  [{ device: ',' }, '--device'],
])('%j is refused by the flag', (bad, flag) => {
  expect(() => benchPlan({ ...flags, ...bad })).toThrow(flag);
});
