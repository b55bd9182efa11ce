export * from './api.js';
export { loadEngine } from './engine.js';
