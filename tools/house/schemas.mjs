/**
 * The published JSON Schemas of every artifact, docs/reference/schemas/*.json, made from the built schemas of the rooms:
 * `npm run build && node tools/house/schemas.mjs` writes them, a test compares them.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { z } from 'zod';
import { calibrationSchema, scorersSchema } from '@hazure/anomaly-scoring';
import { conceptListSchema } from '@hazure/concept-matching';
import {
  ARTIFACTS,
  baselineMapSchema,
  classStatisticsSchema,
  combinedMapSchema,
  configSchema,
  cropRecordSchema,
  failureRecordSchema,
  imageRecordSchema,
  manifestSchema,
  objectResultSchema,
  referenceSchema,
  resultsHeadSchema,
  shardHeadSchema,
  shardLineSchema,
  statisticsSchema,
  timingSchema,
} from '@hazure/contracts';
import { forestSchema } from '@hazure/isolation-forest';

export const FOLDER = fileURLToPath(new URL('../../docs/reference/schemas/', import.meta.url));

/** A document's schema, or that of each line of a list. */
const SCHEMAS = {
  manifest: manifestSchema,
  config: configSchema,
  images: imageRecordSchema,
  crops: cropRecordSchema,
  failures: failureRecordSchema,
  reference: referenceSchema,
  isolationForest: forestSchema,
  scorers: scorersSchema,
  calibration: calibrationSchema,
  concepts: conceptListSchema,
  classStatistics: classStatisticsSchema,
  baselineMap: baselineMapSchema,
  results: resultsHeadSchema.extend({ objects: z.array(objectResultSchema) }),
  combinedMap: combinedMapSchema,
  statistics: statisticsSchema,
  timing: timingSchema,
  shard: z.union([shardHeadSchema, shardLineSchema]),
};

/** Matrices and tables, whose columns the run folder's page lists. */
export const WITHOUT_SCHEMA = [
  'features',
  'referenceFeatures',
  'referenceCrops',
  'objects',
  'imageTable',
  'outlierImages',
  'outlierList',
];

/** Text of every published schema, by file name. @returns {Promise<Map<string, string>>} */
export async function schemaFiles() {
  /** @type {Map<string, string>} */
  const files = new Map();
  for (const [key, schema] of Object.entries(SCHEMAS)) {
    const { file, format: name } = ARTIFACTS[/** @type {keyof typeof ARTIFACTS} */ (key)];
    const perLine = file.endsWith('.jsonl') ? 'each line of ' : '';
    const document = {
      title: `${perLine}${file}`,
      $comment: `format ${name}`,
      ...z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }),
    };
    const text = await format(JSON.stringify(document), { parser: 'json', printWidth: 110 });
    files.set(`${name.replace('/', '-')}.json`, text);
  }
  return files;
}

/** What lies in docs/reference/schemas. @returns {Map<string, string>} */
export function publishedSchemas() {
  const names = existsSync(FOLDER) ? readdirSync(FOLDER).sort() : [];
  return new Map(names.map((name) => [name, readFileSync(join(FOLDER, name), 'utf8')]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, text] of await schemaFiles()) writeFileSync(join(FOLDER, name), text);
}
