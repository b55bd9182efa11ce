export * from './files.js';
export * from './run.js';
export * from './records.js';
export { candidateSchema, innerPath, verdictSchema } from './parts.js';
