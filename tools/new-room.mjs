#!/usr/bin/env node
/**
 * Makes a new room (workspace package) that looks like all the others:
 *   node tools/new-room.mjs libs/my-room --layer algorithm --description "…" [--uses contracts,numerics]
 * Refuses to touch a folder that has a package.json already.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    layer: { type: 'string' },
    description: { type: 'string' },
    uses: { type: 'string', default: '' },
  },
});
const [folder] = positionals;
if (!folder || !values.layer || !values.description) {
  console.error('usage: node tools/new-room.mjs libs/NAME --layer LAYER --description TEXT [--uses a,b]');
  process.exit(2);
}
if (existsSync(join(folder, 'package.json'))) {
  console.error(`${folder} is a room already`);
  process.exit(1);
}
const name = basename(folder);
const uses = values.uses.split(',').filter(Boolean);
const version = JSON.parse(readFileSync('package.json', 'utf8')).version;
const write = (path, text) => {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const json = (value) => JSON.stringify(value, null, 2) + '\n';

write(
  'package.json',
  json({
    name: `@hazure/${name}`,
    version,
    description: values.description,
    license: 'MIT',
    type: 'module',
    exports: {
      '.': {
        '@hazure/source': './src/index.ts',
        types: './dist/index.d.ts',
        default: './dist/index.js',
      },
      './package.json': './package.json',
    },
    files: ['dist', '!**/*.tsbuildinfo'],
    dependencies: Object.fromEntries(uses.map((room) => [`@hazure/${room}`, version])),
    nx: { tags: [`layer:${values.layer}`], targets: { build: {}, typecheck: {}, lint: {}, test: {} } },
  }),
);
const reference = (room) => ({ path: `../../libs/${room}/tsconfig.lib.json` });
write(
  'tsconfig.json',
  json({
    extends: '../../tsconfig.base.json',
    files: [],
    include: [],
    references: [{ path: './tsconfig.lib.json' }, { path: './tsconfig.spec.json' }],
  }),
);
write(
  'tsconfig.lib.json',
  json({
    extends: '../../tsconfig.base.json',
    compilerOptions: { rootDir: 'src', outDir: 'dist', tsBuildInfoFile: 'dist/tsconfig.lib.tsbuildinfo' },
    include: ['src/**/*.ts'],
    exclude: ['src/**/*.spec.ts'],
    references: uses.map(reference),
  }),
);
write(
  'tsconfig.spec.json',
  json({
    extends: '../../tsconfig.base.json',
    compilerOptions: { outDir: 'out-tsc', types: ['node', 'jest'] },
    include: ['src/**/*.spec.ts', 'test/**/*.ts'],
    references: [{ path: './tsconfig.lib.json' }, ...uses.map(reference)],
  }),
);
write(
  'jest.config.mjs',
  `import { roomConfig } from '../../tools/jest/preset.mjs';\n\nexport default roomConfig('${name}');\n`,
);
write('README.md', `# @hazure/${name}\n\n${values.description}\n`);
write('src/index.ts', 'export {};\n');
console.log(`made ${folder}`);
