export { AdaptiveBatcher, type AdaptiveBatcherOptions } from './adaptive-batcher.js';
export { MemoryBudget, Reservation, type BudgetOptions } from './budget.js';
export {
  largestBatch,
  learnItemMemory,
  measureItemMemory,
  type BatchMeasurement,
  type BatchSizeLimits,
  type ItemMemory,
} from './item-memory.js';
export { planBatchSize, type BatchPlanOptions, type BatchSizePlan } from './plan-batch.js';
export { engineMemoryProbe, hostMemoryProbe, type MemorySource } from './probes.js';
