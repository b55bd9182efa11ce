import { ModelError } from '@hazure/contracts';
import { firstNonFinite } from '@hazure/numerics';
import { z } from 'zod';
import type { GaussianForm, PatchGaussian } from './patch-gaussian.js';
import type { MapShape } from './patch-maps.js';
import { PatchModel } from './patch-scorer.js';

const side = z.int().min(1).max(1024);
const documentSchema = z.strictObject({
  format: z.literal('hazure-patch/1'),
  shape: z.strictObject({ height: side, width: side, channels: z.int().min(1).max(4096) }),
  pooling: z.strictObject({ top: z.number().min(0).max(1) }),
  gaussians: z.array(z.strictObject({ form: z.enum(['position', 'shared', 'free']), count: z.int().min(2) })),
  bank: z.strictObject({ cells: z.int().min(1), scale: z.number().positive() }).nullable(),
});
export type PatchDocument = z.infer<typeof documentSchema>;

/** An array that stands beside the document, C-ordered: a file of its own, such as `.npy`. */
export interface PatchArray {
  readonly data: Float32Array | Float64Array;
  readonly shape: readonly number[];
}

/** A model as a small document and its large arrays by name. */
export interface PatchFiles {
  readonly document: PatchDocument;
  readonly arrays: ReadonlyMap<string, PatchArray>;
}

function gaussianShapes(
  form: GaussianForm,
  { height, width, channels }: MapShape,
): { means: number[]; factors: number[] } {
  const cells = height * width;
  return {
    means: form === 'free' ? [channels] : [cells, channels],
    factors: form === 'position' ? [cells, channels, channels] : [channels, channels],
  };
}

/** `hazure-patch/1`: what `fromPatchFiles` reads back to the last bit. */
export function toPatchFiles({ shape, pooling, gaussians, bank }: PatchModel): PatchFiles {
  const { height, width, channels } = shape;
  const arrays = new Map<string, PatchArray>();
  for (const { form, means, factors } of gaussians) {
    const shapes = gaussianShapes(form, shape);
    arrays.set(`${form}_means`, { data: means, shape: shapes.means });
    arrays.set(`${form}_factors`, { data: factors, shape: shapes.factors });
  }
  if (bank !== null) arrays.set('bank', { data: bank.cells.data, shape: [bank.cells.rows, bank.cells.cols] });
  const document: PatchDocument = {
    format: 'hazure-patch/1',
    shape: { height, width, channels },
    pooling: { top: pooling.top },
    gaussians: gaussians.map(({ form, count }) => ({ form, count })),
    bank: bank === null ? null : { cells: bank.cells.rows, scale: bank.scale },
  };
  return { document, arrays };
}

/**
 * @param arrays by the names that `toPatchFiles` gives
 * @throws ModelError `MODEL_INVALID` for another format, an array that is missing, of another shape or type, or not
 *   finite
 */
export function fromPatchFiles(json: unknown, arrays: ReadonlyMap<string, PatchArray>): PatchModel {
  const parsed = documentSchema.safeParse(json);
  if (!parsed.success) {
    throw new ModelError(
      'MODEL_INVALID',
      `patch model: expected a document hazure-patch/1: ${z.prettifyError(parsed.error)}`,
    );
  }
  const { shape, pooling, gaussians, bank } = parsed.data;
  const forms = new Set(gaussians.map(({ form }) => form));
  if (forms.size !== gaussians.length || (forms.size === 0 && bank === null)) {
    throw new ModelError('MODEL_INVALID', 'patch model: expected one or more different models');
  }
  return new PatchModel(
    shape,
    pooling,
    gaussians.map(({ form, count }): PatchGaussian => {
      const shapes = gaussianShapes(form, shape);
      const means = arrayOf(arrays, `${form}_means`, { shape: shapes.means, type: Float64Array });
      const factors = arrayOf(arrays, `${form}_factors`, { shape: shapes.factors, type: Float64Array });
      return { form, shape, count, means, factors };
    }),
    bank === null ? null : bankOf(bank, shape, arrays),
  );
}

function bankOf(
  { cells: rows, scale }: { readonly cells: number; readonly scale: number },
  { channels: cols }: MapShape,
  arrays: ReadonlyMap<string, PatchArray>,
): PatchModel['bank'] {
  const read = arrayOf(arrays, 'bank', { shape: [rows, cols], type: Float32Array });
  const data = new Float32Array(new SharedArrayBuffer(read.length * 4));
  data.set(read);
  return { cells: { data, rows, cols }, scale };
}

function arrayOf<T extends Float32Array | Float64Array>(
  arrays: ReadonlyMap<string, PatchArray>,
  name: string,
  { shape, type }: { readonly shape: readonly number[]; readonly type: new (length: number) => T },
): T {
  const array = arrays.get(name);
  const length = shape.reduce((product, n) => product * n, 1);
  const fits =
    array?.data instanceof type && array.data.length === length && String(array.shape) === String(shape);
  if (array === undefined || !fits) {
    const got = array === undefined ? 'none' : `${array.data.constructor.name} ${array.shape.join(' × ')}`;
    throw new ModelError(
      'MODEL_INVALID',
      `patch model: expected the array ${name} as ${type.name} ${shape.join(' × ')}, got ${got}`,
    );
  }
  const at = firstNonFinite(array.data);
  if (at >= 0) {
    throw new ModelError(
      'MODEL_INVALID',
      `patch model: ${name} holds ${array.data[at]}, expected finite numbers`,
    );
  }
  return array.data as T;
}
