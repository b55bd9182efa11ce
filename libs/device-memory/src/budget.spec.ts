import { DeviceError, InputError, OutOfDeviceMemoryError } from '@hazure/contracts';
import type { MemoryProbe } from '@hazure/contracts';
import { MemoryBudget } from './budget.js';

const MIB = 2 ** 20;

function fakeDevice(freeMib: number) {
  const state = { freeBytes: freeMib * MIB };
  const probe: MemoryProbe = {
    probe: () =>
      Promise.resolve([
        { device: 'host', totalBytes: 1, freeBytes: 1 },
        { device: 'cuda:0', totalBytes: 8192 * MIB, freeBytes: state.freeBytes },
      ]),
  };
  return { state, budget: new MemoryBudget(probe, { device: 'cuda:0', paddingBytes: 100 * MIB }) };
}

describe('MemoryBudget', () => {
  test('free = probed − padding − reserved, until the reservation is disposed of', async () => {
    const { budget } = fakeDevice(1000);
    expect(await budget.freeBytes()).toBe(900 * MIB);
    {
      using detector = await budget.reserve(300 * MIB, 'detector');
      expect(detector.bytes).toBe(300 * MIB);
      expect(await budget.freeBytes()).toBe(600 * MIB);
    }
    expect(await budget.freeBytes()).toBe(900 * MIB);
  });

  test('counts what is allocated by now only once', async () => {
    const { state, budget } = fakeDevice(1000);
    using embedder = await budget.reserve(400 * MIB, 'embedder');
    state.freeBytes -= 250 * MIB;
    embedder.settle(250 * MIB);
    expect(budget.reservedBytes).toBe(150 * MIB);
    expect(await budget.freeBytes()).toBe(500 * MIB);
    embedder.settle(9999 * MIB);
    expect(budget.reservedBytes).toBe(0);
  });

  test('never gives the same bytes to two who ask at once, and names the holders', async () => {
    const { budget } = fakeDevice(1000);
    const asked = await Promise.allSettled([
      budget.reserve(500 * MIB, 'detector'),
      budget.reserve(500 * MIB, 'captioner'),
      budget.reserve(400 * MIB, 'embedder'),
    ]);
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    const { reason } = asked[1] as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(OutOfDeviceMemoryError);
    expect((reason as Error).message).toBe(
      'captioner needs 500 MiB on cuda:0, 400 MiB are free (padding 100 MiB, reserved by detector 500 MiB)',
    );
    expect(await budget.freeBytes()).toBe(0);
  });

  test('is 0, not negative, when others took what was left', async () => {
    const { state, budget } = fakeDevice(1000);
    await budget.reserve(800 * MIB, 'detector');
    state.freeBytes = 10;
    expect(await budget.freeBytes()).toBe(0);
  });

  test('refuses an unknown device and impossible sizes', async () => {
    const { budget } = fakeDevice(1000);
    await expect(budget.reserve(-1, 'x')).rejects.toBeInstanceOf(InputError);
    await expect(budget.reserve(NaN, 'x')).rejects.toBeInstanceOf(InputError);
    const missing = new MemoryBudget({ probe: () => Promise.resolve([]) }, { device: 'cuda:3' });
    await expect(missing.freeBytes()).rejects.toBeInstanceOf(DeviceError);
  });
});
