import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeNpy, readNpy } from '@hazure/run-store';
import { hazure } from './hazure.js';

const ROWS = 90;
const COLS = 6;
let root: string;
const at = (name: string): string => join(root, name);

/** Three clusters, row i in cluster i % 3. */
function rows(change: (data: Float32Array) => void = () => undefined): Float32Array {
  const data = Float32Array.from(
    { length: ROWS * COLS },
    (_, i) => 8 * Math.cos((Math.floor(i / COLS) % 3) + (i % COLS)) + Math.sin(i * i),
  );
  change(data);
  return data;
}

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'hazure-project-'));
  const save = (name: string, ...npy: Parameters<typeof encodeNpy>): void =>
    writeFileSync(at(name), encodeNpy(...npy));
  save('x.npy', rows(), [ROWS, COLS]);
  save('double.npy', Float64Array.from(rows()), [ROWS, COLS]);
  save(
    'nan.npy',
    rows((data) => {
      data[3 * COLS + 2] = NaN;
    }),
    [ROWS, COLS],
  );
  save('empty.npy', new Float32Array(0), [0, 4]);
  save('one.npy', rows().subarray(0, COLS), [1, COLS]);
  save(
    'labels.npy',
    Int32Array.from({ length: ROWS }, (_, i) => i % 3),
    [ROWS],
  );
  save('few.npy', new Int32Array(ROWS - 1), [ROWS - 1]);
  writeFileSync(at('cut.npy'), readFileSync(at('x.npy')).subarray(0, 400));
  mkdirSync(at('folder'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('a map, a plot and one JSON document in the shape that others rely on', async () => {
  const args = ['project', at('x.npy'), '--out', at('new/xy.npy'), '--labels', at('labels.npy')];
  const { code, stdout } = await hazure([...args, '--plot', at('new/p.png'), '--json']);
  expect(code).toBe(0);
  const number = expect.any(Number) as number;
  expect(JSON.parse(stdout)).toMatchObject({
    ...{ n: ROWS, method: 'exact', iterations: 1000, klDivergence: number, seconds: number },
    parts: { neighbours: number, affinities: number, optimise: number },
  });
  const { shape, data } = await readNpy(at('new/xy.npy'));
  expect(shape).toEqual([ROWS, 2]);
  expect(data).toBeInstanceOf(Float32Array);
  expect(readFileSync(at('new/p.png')).subarray(1, 4).toString()).toBe('PNG');
  const same = await hazure(['project', at('double.npy'), '--out', at('new/double.npy')]);
  expect(same.code).toBe(0);
  expect((await readNpy(at('new/double.npy'))).data).toEqual(data);
});

test('one row lies at the origin', async () => {
  const { code } = await hazure(['project', at('one.npy'), '--out', at('new/one-xy.npy')]);
  expect(code).toBe(0);
  expect([...((await readNpy(at('new/one-xy.npy'))).data as Float32Array)]).toEqual([0, 0]);
});

test('a perplexity that the points do not allow is lowered, and said to be', async () => {
  const { code, stdout, stderr } = await hazure([
    'project',
    at('x.npy'),
    '--perplexity',
    '80',
    '--json',
    '--out',
    at('new/low.npy'),
  ]);
  expect(code).toBe(0);
  expect((JSON.parse(stdout) as { perplexity: number }).perplexity).toBeLessThan(80);
  expect(stderr).toMatch(/warning: 90 points allow a perplexity of 29\.67 at most; 80 was asked for/);
});

test.each([
  ['a value that is no number', ['nan.npy'], 1, /Row 3, column 2 is NaN/],
  ['no rows', ['empty.npy'], 1, /at least one row/],
  ['a torn file', ['cut.npy'], 1, /ends early: its header promises .* and there are 400/],
  ['labels of another length', ['x.npy', '--labels', 'few.npy'], 2, /89 rows where .* has 90/],
  ['a file as the folder of --out', ['x.npy', '--out', 'labels.npy/xy.npy'], 1, /--out: can't write/],
  ['a folder as --plot', ['x.npy', '--plot', 'folder'], 1, /--plot: can't write .*it is a folder/],
  ['an unknown method', ['x.npy', '--method', 'fast'], 2, /--method: .*"barnes-hut"\|"fft" \(got "fast"\)/],
  ['no perplexity', ['x.npy', '--perplexity', '0'], 2, /--perplexity/],
] as const)('%s: refused, nothing written', async (_, args, code, message) => {
  const before = readdirSync(root).sort();
  const paths = args.map((arg) => (/\.npy|folder/.test(arg) ? at(arg) : arg));
  const out = paths.includes('--out') ? [] : ['--out', at('never.npy')];
  const finished = await hazure(['project', ...paths, ...out]);
  expect(finished.stderr).toMatch(message);
  expect(finished.code).toBe(code);
  expect(readdirSync(root).sort()).toEqual(before);
});
