export { cacheFindings, modelCache, tensorRtCache } from './cache.js';
export { askEngine, chosenRuntime, type EngineFailure, type EngineReport } from './engine-report.js';
export { renderFindings, size, type Finding } from './finding.js';
export { gpuFindings, type GpuFacts } from './gpu.js';
export { diskSpace, machineFindings } from './machine.js';
export { inContainer, nvidiaTraces } from './nvidia.js';
export { askRegistry, environmentSettings, settingsFindings } from './settings.js';
export { npmVersion, softwareFindings } from './software.js';
