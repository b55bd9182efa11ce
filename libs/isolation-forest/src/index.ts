export { fitIsolationForest, fitIsolationForestParallel, fitIsolationForestStream } from './fit.js';
export type { IsolationForestOptions } from './fit.js';
export { IsolationForest } from './forest.js';
export type { ForestParts } from './forest-parts.js';
export type { ThreadOptions } from './forest.js';
export { FOREST_FORMAT, forestSchema } from './forest-json.js';
export type { ForestJSON } from './forest-json.js';
export { averagePathLength } from './path-length.js';
export type { IsolationTree } from './tree.js';
