import {
  ConfigError,
  DeviceError,
  InputError,
  InterruptedError,
  type Logger,
  type RunFolder,
} from '@hazure/contracts';
import { keepOrDiscard } from './keep-or-discard.js';

async function outcome(
  error: Error,
  finished: number,
  stopped = false,
): Promise<{ kept: boolean; thrown: unknown }> {
  let kept = true;
  const folder = {
    path: '/out/run.partial',
    shards: { finished: finished > 0 ? [{ from: 0, to: finished }] : [], damaged: [] },
    discard: async () => void (kept = false),
    release: async () => undefined,
  } as unknown as RunFolder;
  const silent = (): void => undefined;
  const logger: Logger = { debug: silent, info: silent, warn: silent, error: silent };
  const signal = stopped ? AbortSignal.abort() : new AbortController().signal;
  const thrown = await keepOrDiscard({ logger, signal }, folder, () => Promise.reject(error)).catch(
    (each) => each,
  );
  return { kept, thrown };
}

test.each([
  ['a full disk', new InputError('OUTPUT_UNWRITABLE', 'no space left'), 256, true],
  ['a lost device', new DeviceError('DEVICE_FAILED', 'gone'), 256, true],
  ['an interrupt', new InterruptedError(), 256, true],
  ['inputs that can not work', new InputError('BASELINE_TOO_SMALL', 'too few'), 256, true],
  ['wrong settings', new ConfigError('wrong'), 256, true],
  ['wrong settings before the first shard', new ConfigError('wrong'), 0, false],
  ['anything before the first shard', new DeviceError('DEVICE_FAILED', 'gone'), 0, false],
])('after %s', async (_, error, finished, kept) => {
  expect(await outcome(error, finished)).toEqual({ kept, thrown: error });
});

test('what fails because the run was stopped is an interrupt', async () => {
  const { kept, thrown } = await outcome(new Error('torn'), 256, true);
  expect(kept).toBe(true);
  expect(thrown).toBeInstanceOf(InterruptedError);
});

test('the first cause is reported, whatever goes wrong while tidying up', async () => {
  const said: string[] = [];
  const silent = (): void => undefined;
  const logger: Logger = { debug: silent, info: silent, warn: (text) => void said.push(text), error: silent };
  const folder = {
    path: '/out/run.partial',
    shards: { finished: [], damaged: [] },
    discard: () => Promise.reject(new Error('ENOTEMPTY: directory not empty')),
  } as unknown as RunFolder;
  const first = new DeviceError('DEVICE_FAILED', 'gone');
  const { signal } = new AbortController();
  await expect(keepOrDiscard({ logger, signal }, folder, () => Promise.reject(first))).rejects.toBe(first);
  expect(said).toEqual([expect.stringContaining('ENOTEMPTY')]);
});
