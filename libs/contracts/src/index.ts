export * from './errors.js';
export * from './records.js';
export * from './run-records.js';
export * from './ports.js';
export * from './options/index.js';
export { nearestName } from './nearest.js';
export * from './store.js';
export * from './warnings.js';
export * from './artifacts/index.js';
