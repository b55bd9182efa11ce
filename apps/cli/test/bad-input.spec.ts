import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hazure } from './hazure.js';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'hazure-bad-'));
  mkdirSync(join(root, 'empty'));
  mkdirSync(join(root, 'texts'));
  writeFileSync(join(root, 'texts', 'a.txt'), 'words');
  mkdirSync(join(root, 'images'));
  writeFileSync(join(root, 'images', 'a.jpg'), 'not a picture');
  writeFileSync(join(root, 'no-model.onnx'), 'not a model');
  writeFileSync(join(root, 'file'), '');
  writeFileSync(join(root, 'bad.yaml'), 'conf_thress: 0.2\n');
  writeFileSync(join(root, 'broken.json'), '{');
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test.each<[string, (dir: string) => string[], number, RegExp]>([
  ['a missing folder', (dir) => ['learn', join(dir, 'none')], 2, /There is no folder/],
  ['an empty folder', (dir) => ['learn', join(dir, 'empty')], 1, /is empty/],
  ['a folder of text files', (dir) => ['learn', join(dir, 'texts')], 1, /None of the 1 files/],
  [
    'a model that is none',
    (dir) => ['learn', join(dir, 'images'), '--detector', join(dir, 'no-model.onnx')],
    1,
    /Expected an ONNX model/,
  ],
  [
    'a model that is not there',
    (dir) => ['learn', join(dir, 'images'), '--detector', join(dir, 'gone.onnx')],
    1,
    /no such file/,
  ],
  [
    'an output folder that is a file',
    (dir) => ['learn', join(dir, 'images'), '--output-dir', join(dir, 'file')],
    1,
    /Can't write/,
  ],
  ['an unknown flag', (dir) => ['learn', join(dir, 'images'), '--conf-thress', '1'], 2, /--conf-thres\?/],
  [
    'a part of a flag',
    (dir) => ['learn', join(dir, 'images'), '--percentile', '9'],
    2,
    /--threshold-percentile\?/,
  ],
  [
    'a flag of another command',
    (dir) => ['learn', join(dir, 'images'), '--fusion', 'any'],
    2,
    /detect and run/,
  ],
  [
    'a switch with a value',
    (dir) => ['learn', join(dir, 'images'), '--save_crops=false'],
    2,
    /--no-save-crops/,
  ],
  [
    'a flag without its value',
    (dir) => ['learn', join(dir, 'images'), '--seed'],
    2,
    /--seed <N>' argument missing/,
  ],
  ['a folder too many', (dir) => ['report', join(dir, 'images'), dir], 2, /too many arguments/],
  ['a value out of range', (dir) => ['learn', join(dir, 'images'), '--conf-thres', '2'], 2, /--conf-thres: /],
  ['a word for a number', (dir) => ['learn', join(dir, 'images'), '--seed', 'abc'], 2, /--seed: .*abc/],
  [
    'an unknown key in the config file',
    (dir) => ['learn', join(dir, 'images'), '--config', join(dir, 'bad.yaml')],
    2,
    /did you mean "confThres"/,
  ],
  [
    'a broken config file',
    (dir) => ['learn', join(dir, 'images'), '--config', join(dir, 'broken.json')],
    2,
    /config file/,
  ],
  [
    'limits the wrong way round',
    (dir) => ['detect', join(dir, 'images'), '--baseline', dir, '--lim1', '0.9', '--lim2', '0.1'],
    2,
    /--lim1/,
  ],
  ['detect without a baseline', (dir) => ['detect', join(dir, 'images')], 2, /--baseline/],
  [
    'a baseline that is none',
    (dir) => ['detect', join(dir, 'images'), '--baseline', join(dir, 'images')],
    1,
    /not a finished hazure run/,
  ],
  [
    'a baseline that is not there',
    (dir) => ['detect', join(dir, 'images'), '--baseline', join(dir, 'none')],
    2,
    /There is no folder/,
  ],
  [
    'a matrix that is not there',
    (dir) => ['project', join(dir, 'none.npy'), '--out', join(dir, 'xy.npy')],
    2,
    /Can't open/,
  ],
  ['run without folders', () => ['run'], 2, /--baseline-folder/],
  [
    'ranges that select nothing',
    (dir) => ['learn', join(dir, 'images'), '--train-indices', '5-9'],
    2,
    /select none/,
  ],
  [
    'a range that runs backwards',
    (dir) => ['learn', join(dir, 'images'), '--train-indices', '9-5'],
    2,
    /backwards/,
  ],
  ['an unknown command', () => ['lern'], 2, /learn/],
  ['an impossible grid', (dir) => ['learn', join(dir, 'images'), '--detector', 'grid:0x3'], 2, /grid:RxC/],
  [
    'scorers for a run that has scored already',
    (dir) => ['evaluate', '--run', dir, '--truth', join(dir, 'file'), '--scorers', 'knn'],
    2,
    /--scorers has no meaning with --run/,
  ],
  ['evaluate without labels', () => ['evaluate', '--train', 'a.npy', '--test', 'b.npy'], 2, /--labels/],
  ['project without a place for its map', (dir) => ['project', join(dir, 'file')], 2, /--out/],
  [
    'project of a file that is no matrix',
    (dir) => ['project', join(dir, 'file'), '--out', join(dir, 'xy.npy')],
    1,
    /not a \.npy file/,
  ],
])('%s', async (_, args, code, message) => {
  const before = readdirSync(root).sort();
  const finished = await hazure([...args(root), ...(args(root).includes('--output-dir') ? [] : [])]);
  expect(finished.stderr).toMatch(message);
  expect(finished.code).toBe(code);
  expect(readdirSync(root).sort()).toEqual(before);
});

test('under --json an error is one JSON document on standard output', async () => {
  const { stdout, code } = await hazure(['learn', join(root, 'none'), '--json']);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'INPUT_MISSING' } });
});

test('so is a wrong flag', async () => {
  const { stdout, stderr, code } = await hazure(['evaluate', '--trian', 'a.npy', '--json']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/--train\?/);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'CONFIG_UNKNOWN_KEY' } });
});
