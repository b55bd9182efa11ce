import os from 'node:os';
import { engineMemoryProbe, hostMemoryProbe } from './probes.js';

describe('probes', () => {
  test('the host probe stays within RAM', async () => {
    const [host] = await hostMemoryProbe().probe();
    expect(host?.device).toBe('host');
    expect(host?.totalBytes).toBeGreaterThan(0);
    expect(host?.totalBytes).toBeLessThanOrEqual(os.totalmem());
    expect(host?.freeBytes).toBeGreaterThan(0);
    expect(host?.freeBytes).toBeLessThanOrEqual(host?.totalBytes ?? 0);
  });

  test('the engine probe asks the engine each time', async () => {
    let freeBytes = 5;
    const probe = engineMemoryProbe({ memory: () => [{ device: 'cuda:0', totalBytes: 9, freeBytes }] });
    expect(await probe.probe()).toEqual([{ device: 'cuda:0', totalBytes: 9, freeBytes: 5 }]);
    freeBytes = 4;
    expect((await probe.probe())[0]?.freeBytes).toBe(4);
  });
});
