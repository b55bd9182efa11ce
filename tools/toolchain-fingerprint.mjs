/**
 * Prints what the addon's build depends on beside its sources, so that a build of another compiler, CMake, CUDA or
 * ONNX Runtime header is never restored from Nx's cache (a `runtime` input of the native project).
 */
import { findHeaders, HEADERS_PACKAGE } from './bootstrap/ort-headers.mjs';
import { toolchain, versionLine } from './bootstrap/toolchain.mjs';

const { compiler, cmake, generator } = toolchain();
const nvcc =
  versionLine(process.env.CUDACXX ?? 'nvcc', ['--version'])?.concat(
    ' ',
    (await release(process.env.CUDACXX ?? 'nvcc')) ?? '',
  ) ?? 'none';
let headers;
try {
  const found = await findHeaders();
  // The first build fetches what the second finds in the cache: the same headers.
  headers = found && found.origin !== 'cache' ? `API ${found.apiVersion} in ${found.folder}` : null;
} catch (error) {
  headers = error.message;
}
console.log(
  JSON.stringify({
    platform: `${process.platform}-${process.arch}`,
    node: process.versions.modules,
    compiler,
    cmake,
    generator,
    nvcc,
    headers: headers ?? `pinned ${HEADERS_PACKAGE.version}`,
    flags: [process.env.CXX, process.env.CXXFLAGS, process.env.CUDAFLAGS, process.env.HAZURE_CUDA].map(
      (value) => value ?? '',
    ),
  }),
);

async function release(command) {
  const { spawnSync } = await import('node:child_process');
  const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return /release .*/.exec(stdout ?? '')?.[0];
}
