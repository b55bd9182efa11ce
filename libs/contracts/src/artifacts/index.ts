export * from './files.js';
export * from './run.js';
export * from './records.js';
export * from './shards.js';
export { candidateSchema, innerPath, verdictSchema } from './parts.js';
export { IMAGE_COLUMNS, imageRow, objectColumns, objectRow } from './tables.js';
