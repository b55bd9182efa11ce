export type { DemoOptions, DemoScenes } from './compose.js';
export { composeDemo } from './compose.js';
export type { EmojiOptions } from './emoji.js';
export { ensureEmoji } from './emoji.js';
export type { DemoScore, DemoSummaryOptions, FoundOutlier, PlantedObject } from './truth.js';
export { formatDemoSummary, scoreDemo } from './truth.js';
