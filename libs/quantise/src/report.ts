import { z } from 'zod';

/** Key of `metadata_props` under which a quantised model carries its report as JSON. */
export const QUANTISED_KEY = 'hazure.quantised';

const agreementSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('boxes'),
    loss: z.number(),
    at50: z.number(),
    at90: z.number(),
    boxes: z.number(),
  }),
  z.strictObject({
    kind: z.literal('vectors'),
    loss: z.number(),
    mean: z.number(),
    least: z.number(),
    vectors: z.number(),
  }),
]);

/** What a quantised model costs and gives, measured when it was made. */
export const quantiseReportSchema = z.strictObject({
  format: z.literal('hazure-quantised/1'),
  source: z.strictObject({ name: z.string(), sha256: z.string() }),
  target: z.enum(['cpu', 'tensorrt']),
  weightBits: z.union([z.literal(7), z.literal(8)]),
  /** Images that ranges were chosen on, and images that the cost was measured on. */
  images: z.strictObject({ calibrated: z.number(), judged: z.number(), heldOut: z.boolean() }),
  agreement: agreementSchema,
  maxLoss: z.number(),
  /** Processor milliseconds a run on one core of the machine that made it; null for another target. */
  speed: z.strictObject({ fp32Ms: z.number(), int8Ms: z.number(), speedup: z.number() }).nullable(),
  /** `use` it, or `stay` with the source. */
  advice: z.enum(['use', 'stay']),
  because: z.string(),
  ranges: z.strictObject({ policy: z.string(), methods: z.record(z.string(), z.number()) }),
  biasCorrected: z.boolean(),
  equalised: z.number(),
  smoothed: z.number(),
  /** Layers whose weights lay on a per-tensor int8 grid already. */
  gridsKept: z.number(),
  layers: z.strictObject({ integer: z.number(), float: z.number() }),
  /** Layers that stayed float, and why. */
  float: z.array(z.strictObject({ node: z.string(), reason: z.string() })),
  /**
   * What each layer alone costs: decibels of signal over noise at the last results, worst first; empty where it was not
   * measured.
   */
  sensitivity: z.array(z.strictObject({ node: z.string(), decibels: z.number() })),
});
export type QuantiseReport = z.infer<typeof quantiseReportSchema>;

/** The report that a model carries, or null where it has none or one of another version. */
export function readQuantiseReport(metadata: Readonly<Record<string, string>>): QuantiseReport | null {
  const text = metadata[QUANTISED_KEY];
  if (text === undefined) return null;
  try {
    return quantiseReportSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
