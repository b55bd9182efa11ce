import { matrixFrom } from './matrix.js';
import { mapTasks } from './parallel/map-tasks.js';
import { forEachRowBlock, toShared } from './parallel/row-blocks.js';
import { WorkerPool } from './parallel/worker-pool.js';
import type { TaskFunction } from './parallel/worker-pool.js';

/** Exports of the built room serve as tasks. */
const task = (name: string): TaskFunction => ({
  module: new URL('../dist/index.js', import.meta.url).href,
  name,
});

describe('worker pool', () => {
  test('runs exports of a module, reports their failures and lives on', async () => {
    const pool = new WorkerPool(2);
    const values = await Promise.all([4, 2, 3].map((n) => pool.run<Float64Array>(task('sorted'), [n, 1])));
    expect(values.map((value) => [...value])).toEqual([
      [1, 4],
      [1, 2],
      [1, 3],
    ]);
    await expect(pool.run(task('noSuchExport'), 1)).rejects.toThrow("no function 'noSuchExport'");
    expect([...(await pool.run<Float64Array>(task('sorted'), [2, 1]))]).toEqual([1, 2]);
    await pool.close();
  });

  test('a worker that dies fails its task only', async () => {
    const pool = new WorkerPool(1);
    const exit = { module: 'node:process', name: 'exit' };
    await expect(pool.run(exit, 3)).rejects.toThrow('worker thread ended during its task');
    expect([...(await pool.run<Float64Array>(task('sorted'), [2, 1]))]).toEqual([1, 2]);
    await pool.close();
  });

  test('what cannot be cloned is refused without hurting the worker', async () => {
    const pool = new WorkerPool(1);
    await expect(pool.run(task('sorted'), () => 1)).rejects.toThrow('could not be cloned');
    expect([...(await pool.run<Float64Array>(task('sorted'), [2, 1]))]).toEqual([1, 2]);
    await pool.close();
  });
});

describe('row blocks', () => {
  const x = matrixFrom(Array.from({ length: 103 }, (_, i) => [i, 1]));

  test.each([
    ['inline', 1, x],
    ['in threads, copied', 2, x],
    ['in threads, shared', 2, { ...x, data: toShared(x.data) }],
  ] as const)('results come in order: %s', async (_how, threads, matrix) => {
    const firsts: number[] = [];
    const counts: number[] = [];
    await forEachRowBlock(
      matrix,
      {},
      task('unitRows'),
      (block) => ({ data: block.data, rows: block.rows, cols: block.cols }),
      { threads, blockRows: 10, operationsPerRow: 1e9 },
      (block, first, rows) => {
        firsts.push(first);
        counts.push(block.rows);
        expect(block.rows).toBe(rows);
      },
    );
    expect(firsts).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    expect(counts.at(-1)).toBe(3);
    expect(matrix.data[2]).toBe(1); // the caller's rows were not moved away
  });
});

describe('mapped tasks', () => {
  const lists = [4, 2, 3].map((first) => Float64Array.of(first, 3, 1));
  const inline = (values: Float64Array): Float64Array => values.slice().sort();
  const options = { threads: 2, operationsPerTask: 1e9 };

  test('results come in the order of the list, from worker threads and from this one', async () => {
    const expected = lists.map(inline);
    expect(await mapTasks(lists, task('sorted'), inline, options)).toEqual(expected);
    expect(await mapTasks(lists, task('sorted'), inline, { ...options, threads: 1 })).toEqual(expected);
    // Too little work for threads: the task is not even looked for.
    const small = { ...options, operationsPerTask: 10 };
    expect(await mapTasks(lists, task('noSuchExport'), inline, small)).toEqual(expected);
  });

  test('a failure is passed on', async () => {
    await expect(mapTasks(lists, task('noSuchExport'), inline, options)).rejects.toThrow('no function');
  });
});
