import { hostname } from 'node:os';

/** This machine's name; HAZURE_HOST stands in for it where containers share one. */
export const hostName = (): string => process.env['HAZURE_HOST'] ?? hostname();
