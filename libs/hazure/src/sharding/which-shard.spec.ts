import { whichShard } from './which-shard.js';

const slurm = (id: string, min: string, max: string, count: string): Record<string, string> => ({
  SLURM_ARRAY_TASK_ID: id,
  SLURM_ARRAY_TASK_MIN: min,
  SLURM_ARRAY_TASK_MAX: max,
  SLURM_ARRAY_TASK_COUNT: count,
});

test.each([
  ['3/8', {}, 3, 8],
  ['auto', slurm('0', '0', '3', '4'), 1, 4],
  ['auto', slurm('10', '7', '10', '4'), 4, 4],
  // one task of an array that is run again alone
  ['auto', { ...slurm('3', '3', '3', '1'), HAZURE_SHARD_COUNT: '8' }, 3, 8],
  ['auto', { JOB_COMPLETION_INDEX: '0', HAZURE_SHARD_COUNT: '16' }, 1, 16],
  ['auto', { AWS_BATCH_JOB_ARRAY_INDEX: '15', AWS_BATCH_JOB_ARRAY_SIZE: '16' }, 16, 16],
])('%s in %j', (text, environment, index, count) => {
  expect(whichShard(text, environment)).toEqual({ index, count });
});

test.each([
  ['9/8', {}, 'no part 9 of 8'],
  ['1/200000', {}, 'no part'],
  ['auto', {}, 'SLURM_ARRAY_TASK_ID (Slurm)'],
  ['auto', { JOB_COMPLETION_INDEX: '0' }, 'HAZURE_SHARD_COUNT as a whole number; it is not set'],
  ['auto', { JOB_COMPLETION_INDEX: '-1', HAZURE_SHARD_COUNT: '4' }, '"-1"'],
  ['auto', { JOB_COMPLETION_INDEX: '4', HAZURE_SHARD_COUNT: '4' }, 'no part 5 of 4'],
  ['auto', slurm('5', '1', '6', '3'), '3 tasks between 1 and 6'],
  ['auto', { ...slurm('0', '0', '3', '4'), JOB_COMPLETION_INDEX: '0' }, 'Slurm and Kubernetes both'],
])('%s in %j is refused', (text, environment, message) => {
  expect(() => whichShard(text, environment as Record<string, string>)).toThrow(message);
});
