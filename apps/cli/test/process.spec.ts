import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, resolve } from 'node:path';
import { promisify } from 'node:util';

const bin = resolve('bin/hazure.cjs');

test('a reader that closes the pipe early gets no stack trace', async () => {
  const script = `node ${JSON.stringify(bin)} run --help 2>&1 >&3 | cat >&2`;
  const { stderr } = await promisify(execFile)('bash', ['-c', `{ ${script}; } 3>&1 | true; sleep 1`]);
  expect(stderr).toBe('');
});

test('libuv gets as many threads as there are cores, four at least, unless the user says otherwise', async () => {
  const shown = async (env: NodeJS.ProcessEnv): Promise<string> => {
    const { UV_THREADPOOL_SIZE: _, ...rest } = process.env;
    const probe = `process.on('exit', () => console.error(process.env.UV_THREADPOOL_SIZE)); process.argv[1] = ${JSON.stringify(bin)}; process.argv[2] = '--version'; require(${JSON.stringify(bin)})`;
    const { stderr } = await promisify(execFile)(process.execPath, ['-e', probe], {
      env: { ...rest, ...env },
    });
    return stderr.trim();
  };
  expect(Number(await shown({}))).toBeGreaterThanOrEqual(4);
  expect(await shown({ UV_THREADPOOL_SIZE: '7' })).toBe('7');
  // An ES module would come too late: its own reading starts the pool.
  expect(readFileSync(bin, 'utf8')).not.toMatch(/^import /m);
});

test('each test file has a temporary folder of its own, also in the processes that it starts', async () => {
  expect(basename(tmpdir())).toMatch(/^hazure-jest-/);
  const { stdout } = await promisify(execFile)(process.execPath, ['-p', 'os.tmpdir()']);
  expect(stdout.trim()).toBe(tmpdir());
});
