export { transform, type TransformOptions, type TransformResult, type TsneMap } from './transform.js';
export { tsne, type TsneResult } from './tsne.js';
export type {
  Initialisation,
  Metric,
  NeighbourSearch,
  RepulsionMethod,
  TsneOptions,
  TsneProgress,
} from './options.js';
