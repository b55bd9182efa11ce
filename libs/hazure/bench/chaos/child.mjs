// One run (learn, then detect) of the library with a fault in it; started by ../chaos.mjs.
// CHAOS_TASK holds { models, normal, fresh, out, fault }; the answer is the last line of standard output.
import fsp from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const { normal, fresh, out, models, fault } = JSON.parse(process.env.CHAOS_TASK);
const die = () => process.kill(process.pid, 'SIGKILL');
const full = (path) =>
  Object.assign(new Error(`ENOSPC: no space left on device, write '${path}'`), { code: 'ENOSPC' });
const matches = (path) => new RegExp(fault.match ?? '.').test(String(path));

/** Runs what a fault does at the nth call of its operation on a path that matches, before or after the call itself. */
let calls = 0;
async function around(op, path, call) {
  const hit = fault?.op === op && matches(path) && ++calls === (fault.nth ?? 1);
  const strike = async () => {
    if (fault.kind === 'kill') die();
    if (fault.kind === 'vanish') await removeRun();
  };
  if (hit && fault.when !== 'after') await strike();
  const result = await call();
  if (hit && fault.when === 'after') await strike();
  return result;
}

async function removeRun() {
  for (const name of await fsp.readdir(out))
    if (name.endsWith('.partial')) await fsp.rm(`${out}/${name}`, { recursive: true, force: true });
}

let written = 0;
async function limited(path, bytes, offset, length, write) {
  if (fault?.kind === 'short') return write(Math.max(1, Math.ceil(length / 3)));
  if (fault?.kind !== 'full' || !matches(path)) return write(length);
  if (written + length <= fault.bytes) {
    written += length;
    return write(length);
  }
  // a disk takes what still fits, then refuses
  const fits = fault.bytes - written;
  written = fault.bytes;
  if (fits > 0) return write(fits);
  throw full(path);
}

const real = { ...fsp };
const paths = new WeakMap();
fsp.open = async (path, ...rest) => {
  const handle = await around('open', path, () => real.open(path, ...rest));
  paths.set(handle, path);
  return handle;
};
fsp.rename = (from, to) => around('rename', to, () => real.rename(from, to));
fsp.link = (from, to) => around('link', to, () => real.link(from, to));
fsp.rm = (path, options) => around('rm', path, () => real.rm(path, options));
fsp.mkdir = (path, options) => around('mkdir', path, () => real.mkdir(path, options));
syncBuiltinESMExports();
const probe = await real.open(process.execPath, 'r');
const prototype = Object.getPrototypeOf(probe);
await probe.close();
const { write, sync } = prototype;
prototype.write = function (bytes, offset, length, position) {
  const path = paths.get(this);
  return around('write', path, () =>
    limited(path, bytes, offset, length, (some) => write.call(this, bytes, offset, some, position)),
  );
};
prototype.sync = function () {
  return around('sync', paths.get(this), () => sync.call(this));
};
if (fault?.kind === 'kill' && fault.afterMs !== undefined) setTimeout(die, fault.afterMs);

const { run } = await import('../../dist/index.js');
const said = [];
const logger = Object.fromEntries(
  ['debug', 'info', 'warn', 'error'].map((level) => [level, (text) => said.push(text)]),
);
const answer = { code: null, message: null, warnings: [], said, ms: 0 };
const startedMs = performance.now();
try {
  const options = { normal, images: fresh, outputDir: out, resume: true, saveCrops: true, ...models };
  const { warnings } = await run({ ...options, probabilityPlots: 2, logger });
  answer.warnings = warnings.map(({ code }) => code);
} catch (error) {
  answer.code = error.code ?? 'UNCODED';
  answer.message = error.message;
  process.exitCode = 1;
}
answer.ms = performance.now() - startedMs;
console.log(JSON.stringify(answer));
