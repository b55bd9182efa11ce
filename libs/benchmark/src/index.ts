export { measureEndToEnd, pipelinePass, type EndToEnd, type EndToEndRequest } from './end-to-end.js';
export { benchDetector, benchEmbedder, type BenchInput, type BenchModel } from './models.js';
export type { BenchPlan, BenchSetting } from './plan.js';
export { recommend, type BenchPoint, type Recommendation } from './recommend.js';
export { plotBench, renderBench } from './render.js';
export { sweepBatchSizes, type SweepPoint } from './sweep.js';
export { table } from './table.js';
