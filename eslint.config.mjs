import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';
import { LAYERS } from './tools/lint/layers.mjs';

const AMBIENT_MESSAGE = 'Inject a seed or a clock: results must repeat (docs/architecture.md, rule 8).';

/** Rule options: the layers' table, and `also` for everyone. */
function boundaries(also) {
  const depConstraints = Object.entries(LAYERS).map(([layer, may]) => ({
    sourceTag: `layer:${layer}`,
    onlyDependOnLibsWithTags: [...may, ...also].map((name) => `layer:${name}`),
  }));
  return ['error', { enforceBuildableLibDependency: false, allow: [], depConstraints }];
}

export default tseslint.config(
  {
    ignores: [
      '**/dist/**',
      '**/build/**',
      '**/out-tsc/**',
      '**/node_modules/**',
      '**/test-results/**',
      '**/testdata/**',
      // AssemblyScript: looks like TypeScript, but is another language.
      'libs/tsne/kernels/**',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommended],
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': boundaries([]),
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    // tests may use the test kit, which no room ships
    files: ['**/*.spec.ts', '**/test/**/*.ts'],
    plugins: { '@nx': nx },
    rules: { '@nx/enforce-module-boundaries': boundaries(['test']) },
  },
  {
    files: ['libs/*/src/**/*.ts'],
    ignores: ['**/*.spec.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: AMBIENT_MESSAGE },
        { object: 'Date', property: 'now', message: AMBIENT_MESSAGE },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: AMBIENT_MESSAGE },
      ],
    },
  },
  {
    // the one place that reads the machine's clocks
    files: ['libs/hazure/src/session.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '**/*.js'],
    languageOptions: {
      globals: {
        console: 'readonly',
        process: 'readonly',
        URL: 'readonly',
        Buffer: 'readonly',
        require: 'readonly',
        module: 'writable',
        globalThis: 'readonly',
        fetch: 'readonly',
        performance: 'readonly',
        AbortController: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
        TextDecoder: 'readonly',
        TextEncoder: 'readonly',
      },
    },
  },
  prettier,
);
