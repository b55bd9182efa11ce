export * from './patch-bank.js';
export * from './patch-gaussian.js';
export * from './patch-json.js';
export * from './patch-maps.js';
export * from './patch-moments.js';
export * from './patch-regions.js';
export * from './patch-scorer.js';
