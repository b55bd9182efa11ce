import { conditional, countPairs, fillPairs } from './affinities.js';
import { components } from './components.js';
import { optimise } from './optimise.js';
import { place } from './place.js';
import { search } from './search.js';
import { spectral } from './spectral.js';

/** What a crew can run; every thread of it runs the same program. */
export const programs = { search, components, conditional, countPairs, fillPairs, optimise, place, spectral };

export type Programs = typeof programs;
export type ProgramName = keyof Programs;
