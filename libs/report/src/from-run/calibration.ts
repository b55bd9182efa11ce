import { z } from 'zod';
import { InputError } from '@hazure/contracts';
import type { RunReader } from '@hazure/run-store';

/** What a report shows of `calibration.json` and `scorers.json`. */
const calibrationSchema = z.looseObject({
  percentile: z.number(),
  heldOutRows: z.number(),
  scorers: z
    .array(z.looseObject({ name: z.string(), threshold: z.number(), heldOut: z.array(z.number()) }))
    .min(1),
  dependence: z
    .looseObject({ effectiveRows: z.number(), falseAlarmsIgnoringGroups: z.number().nullable() })
    .nullish(),
});
export type ShownCalibration = z.infer<typeof calibrationSchema>;

const scorersSchema = z.looseObject({
  features: z.looseObject({ rows: z.number() }),
  calibrationRows: z.array(z.number()),
});

/** @throws InputError ARTIFACT_INVALID */
export async function shownCalibration(run: RunReader): Promise<ShownCalibration> {
  return parsed(run, 'calibration', calibrationSchema);
}

/** Rows that the scorers were fitted to. @throws InputError ARTIFACT_INVALID */
export async function fittedRows(run: RunReader): Promise<number> {
  const { features, calibrationRows } = await parsed(run, 'scorers', scorersSchema);
  return features.rows - calibrationRows.length;
}

async function parsed<T>(run: RunReader, key: 'calibration' | 'scorers', schema: z.ZodType<T>): Promise<T> {
  const result = schema.safeParse(await run.rawDocument(key));
  if (result.success) return result.data;
  throw new InputError(
    'ARTIFACT_INVALID',
    `${run.path(key)} is damaged: ${result.error.issues[0]?.path.join('.')}: ${result.error.issues[0]?.message}`,
    { cause: result.error, hint: 'Learn the baseline again, or restore the folder.' },
  );
}
