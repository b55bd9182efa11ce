import { nearestName } from './nearest.js';

const known = [
  '--conf-thres',
  '--threshold-percentile',
  '--precision',
  '--output-dir',
  '--seed',
  '--threads',
];

test.each([
  ['--conf-tres', '--conf-thres'],
  ['--CONF_THRES', '--conf-thres'],
  ['--percentile', '--threshold-percentile'],
  ['--output', '--output-dir'],
  ['--random-seed', '--seed'],
  ['--precison', '--precision'],
])('%s means %s', (name, meant) => {
  expect(nearestName(name, known)).toBe(meant);
});
