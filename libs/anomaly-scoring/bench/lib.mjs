import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A C-ordered .npy file of float32, float64 or integers. */
export function readNpy(path) {
  const bytes = readFileSync(path);
  const headerLength = bytes.readUInt16LE(8);
  const header = bytes.subarray(10, 10 + headerLength).toString('latin1');
  const [, rows, cols] = /'shape': \((\d+),\s*(\d*)\)/.exec(header);
  const [, type] = /'descr': '(.*?)'/.exec(header);
  const body = bytes.buffer.slice(bytes.byteOffset + 10 + headerLength, bytes.byteOffset + bytes.length);
  const arrays = {
    '<f4': Float32Array,
    '<f8': Float64Array,
    '<i4': Int32Array,
    '|u1': Uint8Array,
    '|i1': Int8Array,
  };
  const data = type === '<i8' ? Array.from(new BigInt64Array(body), Number) : new arrays[type](body);
  return { data, rows: Number(rows), cols: Number(cols || 1) };
}

/** Runs a script beside this one with a Python that has scikit-learn (PYTHON, default python3). */
export function python(script, args = [], input = '') {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const run = spawnSync(process.env.PYTHON ?? 'python3', [path, ...args], {
    input,
    maxBuffer: 1 << 28,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (run.status !== 0) throw new Error(`${script} failed (is scikit-learn installed? set PYTHON)`);
  return JSON.parse(run.stdout.toString());
}

/** Wall and processor seconds (all threads) of some work, and its result. */
export async function timed(work) {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const result = await work();
  const wall = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return [{ wall, cpu: (user + system) / 1e6 }, result];
}
