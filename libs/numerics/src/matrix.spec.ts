import { InputError } from '@hazure/contracts';
import { assertMatrix, firstNonFinite, matrixFrom, selectRows, unitRows } from './matrix.js';
import { evenBlocks, gatherRows, streamOf } from './row-stream.js';

const x = matrixFrom(Array.from({ length: 10 }, (_, i) => [i, -i, i * i]));

describe('matrices', () => {
  test.each([
    ['NaN', [1, NaN], 'row 0, column 1 is NaN'],
    ['infinity', [-Infinity, 1], 'row 0, column 0 is -Infinity'],
  ])('%s is refused with its place', (_what, row, message) => {
    const check = (): void => assertMatrix(matrixFrom([row]), { what: 'rows' });
    expect(check).toThrow(InputError);
    expect(check).toThrow(message);
  });

  test.each([
    ['too few rows', { ...x }, { what: 'rows', minRows: 11 }, 'at least 11 rows, got 10'],
    ['another width', { ...x }, { what: 'rows', cols: 4 }, 'expected 4 columns, got 3'],
    ['a shape that is not the data', { ...x, rows: 11 }, { what: 'rows' }, 'needs 33 values, got 30'],
    ['no columns', { ...x, cols: 0 }, { what: 'rows' }, 'got 10 × 0'],
  ])('%s is refused', (_what, matrix, expectation, message) => {
    expect(() => assertMatrix(matrix, expectation)).toThrow(message);
  });

  test('finite extremes are not mistaken for infinities', () => {
    expect(firstNonFinite(Float32Array.of(3.4e38, -3.4e38, 1e-45, 0))).toBe(-1);
  });

  test('unit rows have norm 1; a zero row stays zero', () => {
    const { data } = unitRows(
      matrixFrom([
        [3, 4],
        [0, 0],
        [1e-20, 0],
      ]),
    );
    [0.6, 0.8, 0, 0, 1, 0].forEach((value, i) => expect(data[i]).toBeCloseTo(value, 6));
  });
});

describe('row streams', () => {
  test.each([1, 3, 4, 10])('even blocks do not depend on how the source is cut (%i)', async (cut) => {
    const sizes: number[] = [];
    const values: number[] = [];
    for await (const block of evenBlocks(streamOf(x, cut), 4, 'rows')) {
      sizes.push(block.rows);
      values.push(...block.data);
    }
    expect(sizes).toEqual([4, 4, 2]);
    expect(values).toEqual([...x.data]);
  });

  test('gathers chosen rows across blocks', async () => {
    const picked = await gatherRows(streamOf(x, 3), [0, 2, 3, 9], 'rows');
    expect(picked.data).toEqual(selectRows(x, [0, 2, 3, 9]).data);
  });

  test('a stream that ends early is refused', async () => {
    const short = { ...streamOf(x, 3), rows: 12 };
    await expect(gatherRows(short, [0], 'rows')).rejects.toThrow('expected 12 rows in the stream, got 10');
  });
});
