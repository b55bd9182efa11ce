/** How the two verdicts become one. */
export type FusionMode = 'any' | 'all' | 'feature' | 'semantic';
