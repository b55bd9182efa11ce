import { mkdirSync } from 'node:fs';

/**
 * The one jest configuration that every room shares. Sources run as native ES modules through swc; workspace
 * packages resolve to their TypeScript sources by the `@hazure/source` export condition, so a test never sees
 * a stale build of a neighbour.
 *
 * @param {string} displayName name of the room in jest's output
 * @returns {import('jest').Config}
 */
export function roomConfig(displayName) {
  // Where the test target's --outputFile goes; jest makes the file, not its folder.
  mkdirSync('test-results', { recursive: true });
  return {
    displayName,
    rootDir: process.cwd(),
    testEnvironment: new URL('./node-realm-environment.cjs', import.meta.url).pathname,
    testEnvironmentOptions: { customExportConditions: ['@hazure/source', 'node', 'default'] },
    testMatch: ['<rootDir>/src/**/*.spec.ts', '<rootDir>/test/**/*.spec.ts'],
    extensionsToTreatAsEsm: ['.ts'],
    moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
    transform: {
      '^.+\\.ts$': [
        '@swc/jest',
        {
          swcrc: false,
          jsc: {
            target: 'es2022',
            parser: { syntax: 'typescript' },
            experimental: { keepImportAttributes: true },
          },
          module: { type: 'es6' },
        },
      ],
    },
    testTimeout: 60_000,
    workerIdleMemoryLimit: '2GB',
  };
}
