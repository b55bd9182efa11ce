#!/usr/bin/env node
/**
 * Compiles libs/tsne/kernels (AssemblyScript) to WebAssembly and writes it, with the hash of its sources, to
 * libs/tsne/src/kernels.generated.ts. The compiler is fetched by npx: only who edits a kernel needs it. A test
 * fails when sources and hash differ.
 *   node libs/tsne/bench/build-kernels.mjs
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const COMPILER = 'assemblyscript@0.28.20';
const room = fileURLToPath(new URL('../', import.meta.url));
const sources = join(room, 'kernels');

const hash = createHash('sha256');
for (const name of readdirSync(sources)
  .filter((n) => n.endsWith('.ts'))
  .sort()) {
  hash
    .update(name)
    .update('\0')
    .update(readFileSync(join(sources, name)));
}

const folder = mkdtempSync(join(tmpdir(), 'tsne-kernels-'));
try {
  const out = join(folder, 'kernels.wasm');
  execFileSync(
    'npx',
    ['--yes', '--package', COMPILER, 'asc', join(sources, 'index.ts'), '--outFile', out]
      .concat(['-O3', '--noAssert', '--runtime', 'stub', '--use', 'abort='])
      .concat(['--enable', 'simd,threads,bulk-memory', '--importMemory', '--sharedMemory'])
      .concat(['--initialMemory', '1', '--maximumMemory', '65536']),
    { stdio: 'inherit', cwd: folder },
  );
  const lines = readFileSync(out)
    .toString('base64')
    .match(/.{1,100}/g);
  writeFileSync(
    join(room, 'src/kernels.generated.ts'),
    [
      `// Made by libs/tsne/bench/build-kernels.mjs from libs/tsne/kernels with ${COMPILER}; do not edit.`,
      `export const KERNELS_SOURCE_SHA256 = '${hash.digest('hex')}';`,
      'export const KERNELS_BASE64 =',
      ...lines.map((line, i) => `  '${line}'${i + 1 < lines.length ? ' +' : ';'}`),
      '',
    ].join('\n'),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
